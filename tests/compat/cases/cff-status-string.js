function handler(event) {
    return { statusCode: '403', statusDescription: 'Forbidden' };
}

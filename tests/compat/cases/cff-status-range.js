function handler(event) {
    return { statusCode: 99 };
}

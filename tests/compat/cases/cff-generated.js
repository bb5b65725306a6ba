function handler(event) {
    return {
        statusCode: 200,
        statusDescription: 'OK',
        headers: { 'content-type': { value: 'text/plain' } },
        cookies: { visit: { value: 'first', attributes: 'Path=/; HttpOnly' }, b: { value: '2' } },
        body: { encoding: 'text', data: 'made at the edge' },
    };
}

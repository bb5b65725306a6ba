function handler(event) {
    var request = event.request;
    if (request.method === 'OPTIONS' && request.headers['access-control-request-method']) {
        return {
            statusCode: 204,
            statusDescription: 'No Content',
            headers: {
                'access-control-allow-origin': { value: request.headers.origin.value },
                'access-control-allow-methods': { value: 'GET, PUT' },
                'access-control-max-age': { value: '86400' },
            },
        };
    }
    return request;
}

function handler(event) {
    var response = event.response, headers = response.headers;
    headers['strict-transport-security'] = { value: 'max-age=63072000; includeSubdomains; preload' }; headers['content-security-policy'] = { value: "default-src 'none'; img-src 'self'" }; headers['x-content-type-options'] = { value: 'nosniff' };
    if (!headers['access-control-allow-origin'] && event.request.headers['origin']) headers['access-control-allow-origin'] = { value: event.request.headers['origin'].value };
    response.cookies['seen'] = { value: '1', attributes: 'Secure; Path=/' }; response.statusDescription = 'Fine';
    return response;
}

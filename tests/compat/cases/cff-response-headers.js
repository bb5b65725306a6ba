function handler(event) {
    var response = event.response;
    response.headers['strict-transport-security'] = { value: 'max-age=63072000' };
    response.headers['content-security-policy'] = { value: "default-src 'none'" };
    delete response.headers.server;
    return response;
}

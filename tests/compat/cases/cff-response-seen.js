function handler(event) {
    var response = event.response;
    response.headers['x-seen'] = { value: [typeof response.statusCode, response.statusCode + 1, Object.keys(response.cookies).join(), 'set-cookie' in response.headers, 'body' in response, event.request.uri].join(' ') };
    return response;
}

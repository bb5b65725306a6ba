function handler(event) {
    var request = event.request;
    var host = request.headers.host.value;
    if (!host.startsWith('www.')) {
        return request;
    }
    var bare = host.slice(4);
    var query = Object.keys(request.querystring).map(function (key) {
        return key + '=' + request.querystring[key].value;
    });
    return {
        statusCode: 308,
        statusDescription: 'Permanent Redirect',
        headers: { location: { value: 'https://' + bare + request.uri + (query.length ? '?' + query.join('&') : '') } },
    };
}

function handler(event) {
    var request = event.request;
    var cookies = request.cookies;
    var variant = cookies['variant'] && ['a', 'b'].indexOf(cookies['variant'].value) >= 0 ? cookies['variant'].value : 'a';
    request.uri = '/' + variant + request.uri;
    request.headers['x-variant'] = { value: variant };
    return request;
}

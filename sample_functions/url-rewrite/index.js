// CloudFront Functions style: a static site behind clean URLs.
function handler(event) {
    var request = event.request;
    var uri = request.uri;

    if (uri.endsWith('/')) {
        request.uri = uri + 'index.html';
    } else if (uri.substring(uri.lastIndexOf('/')).indexOf('.') < 0) {
        request.uri = uri + '/index.html';
    }

    // Campaign parameters would split the cache, and the origin does not read them.
    for (var name in request.querystring) {
        if (name.startsWith('utm_')) {
            delete request.querystring[name];
        }
    }
    return request;
}

function handler(event) {
    var request = event.request, host = request.headers.host.value, qs = request.querystring;
    if (host.indexOf('www.') !== 0) return request;
    var query = Object.keys(qs).map(function (k) { return qs[k].multiValue ? qs[k].multiValue.map(function (v) { return k + '=' + v.value; }).join('&') : qs[k].value ? k + '=' + qs[k].value : k; }).join('&');
    return { statusCode: 301, statusDescription: 'Moved Permanently', headers: { location: { value: 'https://' + host.slice(4) + request.uri + (query ? '?' + query : '') }, 'cache-control': { value: 'max-age=300' } }, cookies: { moved: { value: '1', attributes: 'Path=/; Max-Age=60' } } };
}

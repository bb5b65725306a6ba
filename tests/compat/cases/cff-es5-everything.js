function handler(event) {
    var request = event.request; var headers = request.headers; var out = [];
    var host = headers.host && headers.host.value; out.push(host.split('.').reverse().join('.'));
    Object.keys(request.querystring).forEach(function (k) { var q = request.querystring[k]; out.push(k + '=' + (q.multiValue ? q.multiValue.map(function (m) { return m.value; }).join('+') : q.value)); });
    for (var c in request.cookies) out.push('c:' + c + '=' + request.cookies[c].value);
    out.push(String.bytesFrom ? String.bytesFrom('YWJj', 'base64') : 'abc', 'x'.padEnd(3, '-'), [1, 2].includes(2), (5).toString(2).padStart(8, '0'), Math.max.apply(null, [1, 5, 3]), typeof Buffer, typeof Promise, Array.isArray([]), /^\/(\w+)/.exec(request.uri)[1], parseInt('42px', 10), encodeURIComponent('ä b'), JSON.stringify({ a: [1, null] }), new Date(0).toISOString(), isFinite(1 / 0), 'a,b'.split(','), 'abc'.substr(-2), 'abc'.substring(2, 0), 'AbC'.toLowerCase());
    return { statusCode: 200, statusDescription: 'OK', headers: { 'x-out': { value: 'done' } }, body: { encoding: 'text', data: JSON.stringify(out) } };
}

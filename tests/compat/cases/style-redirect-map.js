const REDIRECTS = new Map(Object.entries({ '/blog': '/articles', '/shop/': 'https://shop.example.com/', '/alt': '/neu?x=1' }));
const response = (location, permanent) => ({ status: permanent ? '301' : '302', statusDescription: permanent ? 'Moved Permanently' : 'Found', headers: { location: [{ key: 'Location', value: location }], 'cache-control': [{ key: 'Cache-Control', value: 'max-age=3600' }] } });
exports.handler = async ({ Records: [{ cf: { request } }] }) => {
    const normalised = request.uri.length > 1 ? request.uri.replace(/\/+$/, '') : request.uri;
    for (const key of [request.uri, normalised, `${normalised}/`]) if (REDIRECTS.has(key)) return response(REDIRECTS.get(key) + (request.querystring ? (REDIRECTS.get(key).includes('?') ? '&' : '?') + request.querystring : ''), true);
    return request;
};

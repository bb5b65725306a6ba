// CloudFront Functions style, runtime 2.0, without a key-value store: one name for one site.
const REDIRECTED = { 'www.example.com': 'example.com', 'example.net': 'example.com' };

async function handler(event) {
    const request = event.request;
    const host = request.headers.host.value;
    const target = REDIRECTED[host];
    if (target === undefined) {
        return request;
    }
    const query = Object.keys(request.querystring)
        .map((name) => {
            const entry = request.querystring[name];
            const values = entry.multiValue ? entry.multiValue : [entry];
            return values.map(({ value }) => (value === '' ? name : `${name}=${value}`)).join('&');
        })
        .join('&');
    return {
        statusCode: 301,
        statusDescription: 'Moved Permanently',
        headers: {
            location: { value: `https://${target}${request.uri}${query ? `?${query}` : ''}` },
            'cache-control': { value: 'max-age=3600' },
        },
        cookies: { seen: { value: '1', attributes: 'Path=/; Secure; SameSite=Lax' } },
    };
}

exports.handler = async (event) => {
    const { request } = event.Records[0].cf; const host = request.headers.host[0].value;
    const url = new URL(`https://${host}${request.uri}?${request.querystring}`);
    const drop = [...url.searchParams.keys()].filter((name) => /^(utm_|fbclid)/.test(name)); for (const name of drop) url.searchParams.delete(name);
    url.searchParams.sort(); url.searchParams.set('v', '2 +'); request.querystring = url.searchParams.toString(); request.uri = url.pathname.toLowerCase();
    request.headers['x-url'] = [{ key: 'X-Url', value: url.href }]; return request;
};

exports.handler = async (event) => {
    const { request } = event.Records[0].cf;
    const cookies = {};
    for (const { value } of request.headers.cookie ?? []) for (const pair of value.split(/;\s*/)) { const at = pair.indexOf('='); cookies[decodeURIComponent(pair.slice(0, at))] = decodeURIComponent(pair.slice(at + 1).replace(/^"(.*)"$/, '$1')); }
    const session = JSON.parse(Buffer.from(cookies.session, 'base64').toString('utf8'));
    request.headers['x-session'] = [{ key: 'X-Session', value: JSON.stringify(session) + Object.keys(cookies).join('|') + cookies.quoted }];
    delete request.headers.cookie;
    return request;
};

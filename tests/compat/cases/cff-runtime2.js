const crypto = require('crypto'); const querystring = require('querystring');
const ROUTES = { '/old': '/new' };
async function handler(event) {
    const { request, context: { eventType }, viewer: { ip } } = event;
    const token = await Promise.resolve(`${ip}-${eventType}`);
    let digest = crypto.createHmac('sha256', 'k').update(token).digest('base64url');
    const parsed = querystring.parse('a=1&b=2&a=3'); const text = Buffer.from('aGVsbG8=', 'base64').toString('utf-8');
    request.headers['x-token'] = { value: digest }; request.headers['x-qs'] = { value: querystring.stringify(parsed) + '|' + text + '|' + Object.entries(parsed).length };
    request.uri = ROUTES[request.uri] ?? request.uri;
    for (const [k, v] of Object.entries(request.headers)) { if (k.startsWith('x-drop')) delete request.headers[k]; }
    return request;
}

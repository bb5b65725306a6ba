const crypto = require('crypto');

const KEY = 'shared';

function handler(event) {
    const request = event.request;
    const query = request.querystring;
    const expires = query.expires && query.expires.value;
    const expected = crypto.createHmac('sha256', KEY).update(`${request.uri}:${expires}`).digest('base64url');
    if (!query.signature || query.signature.value !== expected || Number(expires) * 1000 < Date.now()) {
        return { statusCode: 403, statusDescription: 'Forbidden', body: 'expired or forged' };
    }
    delete query.signature;
    delete query.expires;
    return request;
}

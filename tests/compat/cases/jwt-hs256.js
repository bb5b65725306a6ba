'use strict';
const crypto = require('crypto');

const decode = (part) => JSON.parse(Buffer.from(part, 'base64url').toString('utf8'));

exports.handler = async (event) => {
    const request = event.Records[0].cf.request;
    const token = request.headers.authorization[0].value.replace(/^Bearer /, '');
    const [header, payload, signature] = token.split('.');
    const expected = crypto.createHmac('sha256', 'top-secret').update(`${header}.${payload}`).digest('base64url');
    if (decode(header).alg !== 'HS256' || expected !== signature) {
        return { status: '401', body: 'bad token' };
    }
    request.headers['x-user'] = [{ key: 'X-User', value: decode(payload).sub }];
    return request;
};

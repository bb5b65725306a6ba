'use strict';

const crypto = require('crypto');

function cookie(headers, name) {
    for (const { value } of headers.cookie || []) {
        for (const pair of value.split(';')) {
            const at = pair.indexOf('=');
            if (at > 0 && pair.slice(0, at).trim() === name) {
                return pair.slice(at + 1).trim();
            }
        }
    }
    return '';
}

// Returns the user of a session, or undefined when it is forged or over.
function userOf(session, secret, nowSeconds) {
    const [user, expires, signature] = session.split('.');
    if (!signature) {
        return undefined;
    }
    const expected = crypto.createHmac('sha256', secret).update(`${user}.${expires}`).digest();
    const given = Buffer.from(signature, 'base64url');
    const good = given.length === expected.length && crypto.timingSafeEqual(given, expected);
    return good && Number(expires) > nowSeconds ? decodeURIComponent(user) : undefined;
}

// Half of the users, always the same ones, see variant b of the start page.
const variantOf = (user) => (crypto.createHash('md5').update(user).digest()[0] % 2 ? 'b' : 'a');

exports.handler = async (event) => {
    const request = event.Records[0].cf.request;
    const user = userOf(cookie(request.headers, 'session'), process.env.SESSION_SECRET, Date.now() / 1000);
    if (user === undefined) {
        return {
            status: '302',
            headers: {
                location: [{ key: 'Location', value: `/login?next=${encodeURIComponent(request.uri)}` }],
                'cache-control': [{ key: 'Cache-Control', value: 'no-store' }],
            },
        };
    }
    if (request.uri === '/members/home.html' && variantOf(user) === 'b') {
        request.uri = '/members/home-b.html';
    }
    return request;
};

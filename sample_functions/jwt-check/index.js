'use strict';

const crypto = require('crypto');

function refuse(reason) {
    return {
        status: '401',
        statusDescription: 'Unauthorized',
        headers: {
            'www-authenticate': [{ key: 'WWW-Authenticate', value: `Bearer error="invalid_token", error_description="${reason}"` }],
            'cache-control': [{ key: 'Cache-Control', value: 'no-store' }],
            'content-type': [{ key: 'Content-Type', value: 'text/plain; charset=utf-8' }],
        },
        body: `${reason}\n`,
    };
}

function parse(part) {
    return JSON.parse(Buffer.from(part, 'base64url').toString('utf8'));
}

// Returns the claims of an HS256 token (RFC 7519), or throws an Error whose message may be shown.
function verify(token, secret, nowSeconds) {
    const parts = token.split('.');
    if (parts.length !== 3) {
        throw new Error('not a token');
    }
    let header, claims;
    try {
        header = parse(parts[0]);
        claims = parse(parts[1]);
    } catch (error) {
        throw new Error('not a token');
    }
    if (header.alg !== 'HS256') {
        throw new Error('algorithm not accepted');
    }
    const expected = crypto.createHmac('sha256', secret).update(`${parts[0]}.${parts[1]}`).digest();
    const given = Buffer.from(parts[2], 'base64url');
    if (given.length !== expected.length || !crypto.timingSafeEqual(given, expected)) {
        throw new Error('signature does not match');
    }
    if (typeof claims.exp === 'number' && claims.exp <= nowSeconds) {
        throw new Error('token has expired');
    }
    return claims;
}

exports.handler = async (event) => {
    const request = event.Records[0].cf.request;
    const field = request.headers.authorization;
    const match = field && /^Bearer ([A-Za-z0-9._-]+)$/.exec(field[0].value);
    if (!match) {
        return refuse('a bearer token is needed');
    }
    try {
        const claims = verify(match[1], process.env.JWT_SECRET, Date.now() / 1000);
        delete request.headers.authorization;
        request.headers['x-user'] = [{ key: 'X-User', value: String(claims.sub) }];
        return request;
    } catch (error) {
        console.log(`refused a token: ${error.message}`);
        return refuse(error.message);
    }
};

'use strict';

// Fields that make browsers stricter. `undefined` would leave a field of the origin's as it is.
const FIELDS = {
    'Strict-Transport-Security': 'max-age=63072000; includeSubDomains; preload',
    'Content-Security-Policy': "default-src 'self'; frame-ancestors 'none'; object-src 'none'",
    'X-Content-Type-Options': 'nosniff',
    'Referrer-Policy': 'strict-origin-when-cross-origin',
    'Permissions-Policy': 'camera=(), geolocation=(), microphone=()',
};

// What would tell an attacker which software answers.
const TOO_TALKATIVE = ['server', 'x-powered-by', 'x-aspnet-version'];

exports.handler = async (event) => {
    const response = event.Records[0].cf.response;
    for (const [key, value] of Object.entries(FIELDS)) {
        response.headers[key.toLowerCase()] = [{ key, value }];
    }
    for (const name of TOO_TALKATIVE) {
        delete response.headers[name];
    }
    return response;
};

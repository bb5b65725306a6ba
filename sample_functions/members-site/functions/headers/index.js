'use strict';

exports.handler = async (event) => {
    const { response } = event.Records[0].cf;
    const set = (key, value) => {
        response.headers[key.toLowerCase()] = [{ key, value }];
    };
    set('Strict-Transport-Security', 'max-age=31536000; includeSubDomains');
    set('X-Content-Type-Options', 'nosniff');
    set('X-Frame-Options', 'DENY');
    set('Referrer-Policy', 'same-origin');
    delete response.headers.server;
    return response;
};

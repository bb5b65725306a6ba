'use strict';
exports.handler = (event, context, callback) => {
    const request = event.Records[0].cf.request;
    const expected = 'Basic ' + Buffer.from('ada:lovelace').toString('base64');
    const given = request.headers.authorization;
    if (typeof given === 'undefined' || given[0].value !== expected) {
        callback(null, {
            status: '401',
            statusDescription: 'Unauthorized',
            body: 'Unauthorized',
            headers: { 'www-authenticate': [{ key: 'WWW-Authenticate', value: 'Basic realm="edge"' }] },
        });
        return;
    }
    delete request.headers.authorization;
    callback(null, request);
};

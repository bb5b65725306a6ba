'use strict';
const querystring = require('querystring');
exports.handler = async (event) => {
    const request = event.Records[0].cf.request;
    if (request.method === 'POST') {
        const body = Buffer.from(request.body.data, 'base64').toString();
        const params = querystring.parse(body);
        request.headers['x-form'] = [{ key: 'X-Form', value: Object.keys(params).map((k) => `${k}:${params[k]}`).join(',') }];
    }
    return request;
};

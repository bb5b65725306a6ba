'use strict';
const querystring = require('querystring');

exports.handler = (event, context, callback) => {
    const request = event.Records[0].cf.request;
    const params = querystring.parse(request.querystring.toLowerCase());
    const sorted = {};
    Object.keys(params).sort().forEach((key) => { sorted[key] = params[key]; });
    request.querystring = querystring.stringify(sorted);
    callback(null, request);
};

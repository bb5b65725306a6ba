'use strict';
const path = require('path');
const AGES = { '.js': 31536000, '.html': 60 };

exports.handler = async (event) => {
    const { request, response } = event.Records[0].cf;
    const age = AGES[path.extname(request.uri)];
    if (age !== undefined && !response.headers['cache-control']) {
        response.headers['cache-control'] = [{ key: 'Cache-Control', value: `public, max-age=${age}` }];
    }
    return response;
};

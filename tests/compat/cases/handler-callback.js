'use strict';
exports.handler = (event, context, callback) => {
    const { request } = event.Records[0].cf;
    request.headers['x-form'] = [{ key: 'X-Form', value: 'callback' }];
    callback(null, request);
};

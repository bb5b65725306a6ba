'use strict';
exports.handler = async (event, context) => {
    const request = event.Records[0].cf.request;
    request.headers['x-form'] = [{ key: 'X-Form', value: 'async' }];
    return request;
};

'use strict';
exports.handler = function (event, context, callback) {
    const request = event.Records[0].cf.request;
    setTimeout(() => {
        Promise.resolve('later').then((word) => {
            request.headers['x-form'] = [{ key: 'X-Form', value: word }];
            callback(null, request);
        });
    }, 1);
};

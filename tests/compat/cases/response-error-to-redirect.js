'use strict';
exports.handler = (event, context, callback) => {
    const response = event.Records[0].cf.response;
    if (response.status >= 400 && response.status <= 599) {
        response.status = '302';
        response.statusDescription = 'Found';
        response.body = '';
        response.headers.location = [{ key: 'Location', value: '/sorry.html' }];
    }
    callback(null, response);
};

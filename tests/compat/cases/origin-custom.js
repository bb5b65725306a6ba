'use strict';
exports.handler = (event, context, callback) => {
    const request = event.Records[0].cf.request;
    const domain = 'eu.example.org';
    if (request.headers['cloudfront-viewer-country'][0].value === 'DE') {
        request.origin.custom.domainName = domain;
        request.headers.host = [{ key: 'host', value: domain }];
    }
    callback(null, request);
};

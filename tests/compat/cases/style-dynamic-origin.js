'use strict';
const REGIONS = { DE: { domain: 'assets-eu.example.com', region: 'eu-central-1' }, US: { domain: 'assets-us.example.com', region: 'us-east-1' } };
exports.handler = (event, context, callback) => {
    const request = event.Records[0].cf.request;
    if (request.headers['cloudfront-viewer-country']) {
        const target = REGIONS[request.headers['cloudfront-viewer-country'][0].value];
        if (target) {
            request.origin = { custom: { domainName: target.domain, port: 443, protocol: 'https', path: '', sslProtocols: ['TLSv1.2'], readTimeout: 5, keepaliveTimeout: 5, customHeaders: {} } };
            request.headers['host'] = [{ key: 'host', value: target.domain }];
        }
    }
    callback(null, request);
};

'use strict';
exports.handler = async (event) => {
    const request = event.Records[0].cf.request;
    const s3DomainName = 'assets.s3.eu-central-1.amazonaws.com';
    request.origin = {
        s3: {
            domainName: s3DomainName,
            region: 'eu-central-1',
            authMethod: 'origin-access-identity',
            path: '/public',
            customHeaders: {},
        },
    };
    request.headers.host = [{ key: 'host', value: s3DomainName }];
    return request;
};

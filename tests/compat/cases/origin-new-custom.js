exports.handler = async (event) => {
    const request = event.Records[0].cf.request;
    request.origin = {
        custom: {
            domainName: 'canary.example.org',
            port: 8443,
            protocol: 'https',
            path: '',
            sslProtocols: ['TLSv1.2'],
            readTimeout: 5,
            keepaliveTimeout: 60,
            customHeaders: { 'x-canary': [{ key: 'X-Canary', value: 'yes' }] },
        },
    };
    return request;
};

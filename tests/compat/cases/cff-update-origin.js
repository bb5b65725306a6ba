import cf from 'cloudfront';

function handler(event) {
    const request = event.request;
    if (request.headers['x-beta']) {
        cf.updateRequestOrigin({
            domainName: 'beta.example.org',
            originPath: '/v2',
            customHeaders: { 'X-Beta': 'yes' },
            timeouts: { readTimeout: 10 },
        });
    }
    return request;
}

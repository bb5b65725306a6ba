'use strict';
const BOTS = /googlebot|bingbot|twitterbot|facebookexternalhit/i;

exports.handler = async (event) => {
    const request = event.Records[0].cf.request;
    const agent = request.headers['user-agent'] && request.headers['user-agent'][0].value;
    if (agent && BOTS.test(agent)) {
        const custom = request.origin.custom;
        custom.domainName = 'render.example.org';
        custom.path = '/https://www.example.com';
        custom.customHeaders = { ...custom.customHeaders, 'x-render': [{ key: 'X-Render', value: 'yes' }] };
        request.headers.host = [{ key: 'Host', value: 'render.example.org' }];
    }
    return request;
};

'use strict';

// Which country reads which edition; everybody else stays where they are.
const EDITION_OF = { DE: 'de', AT: 'de', CH: 'de', FR: 'fr', BE: 'fr', JP: 'ja' };

exports.handler = (event, context, callback) => {
    const request = event.Records[0].cf.request;
    const field = request.headers['cloudfront-viewer-country'];
    const edition = field && EDITION_OF[field[0].value];
    const chosen = /^\/(de|fr|ja)\//.test(request.uri);
    if (!edition || chosen) {
        callback(null, request);
        return;
    }
    const query = request.querystring ? `?${request.querystring}` : '';
    callback(null, {
        status: '302',
        statusDescription: 'Found',
        headers: {
            location: [{ key: 'Location', value: `/${edition}${request.uri}${query}` }],
            'cache-control': [{ key: 'Cache-Control', value: 'private, no-store' }],
        },
    });
};

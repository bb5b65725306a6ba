'use strict';
const SITES = { DE: 'de.example.com', TW: 'tw.example.com' };

exports.handler = async (event) => {
    const { headers, uri } = event.Records[0].cf.request;
    const country = headers['cloudfront-viewer-country'];
    const site = country && SITES[country[0].value];
    if (!site) {
        return event.Records[0].cf.request;
    }
    return {
        status: '302',
        statusDescription: 'Found',
        headers: { location: [{ key: 'Location', value: `https://${site}${uri}` }] },
    };
};

'use strict';
const querystring = require('querystring');

const ALLOWED = [[100, 100], [200, 200], [400, 400]];
const VARIANCE = 0.2;

exports.handler = async (event) => {
    const request = event.Records[0].cf.request;
    const params = querystring.parse(request.querystring);
    if (!params.d) {
        return request;
    }
    const [, prefix, name, extension] = request.uri.match(/(.*)\/(.*)\.(.*)/);
    const [width, height] = params.d.split('x').map(Number);
    const match = ALLOWED.find(([w]) => width >= w - w * VARIANCE && width <= w + w * VARIANCE) || [width, height];
    const accept = request.headers.accept ? request.headers.accept[0].value : '';
    const format = accept.includes('webp') ? 'webp' : extension;
    request.uri = [prefix, match.join('x'), format, `${name}.${extension}`].join('/');
    return request;
};

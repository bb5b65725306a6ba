const qs = require('querystring');

function handler(event) {
    const parsed = qs.parse('a=1&b=x%20y&a=2');
    const text = [qs.stringify(parsed), qs.escape('ü &'), qs.unescape('%C3%BC'), atob('ZWRnZQ=='), btoa('edge'),
        Buffer.from('edge').toString('base64'), Buffer.from('65646765', 'hex').toString()].join('|');
    return { statusCode: 200, body: text };
}

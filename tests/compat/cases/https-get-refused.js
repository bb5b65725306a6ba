const https = require('https'); const http = require('http');
exports.handler = (event, context, callback) => {
    const request = event.Records[0].cf.request;
    const call = https.get({ hostname: 'nowhere.invalid', path: '/', headers: { 'User-Agent': 'edge' }, timeout: 500 }, (response) => { let body = ''; response.setEncoding('utf8'); response.on('data', (chunk) => { body += chunk; }); response.on('end', () => callback(null, { status: '200', body })); });
    call.on('error', (error) => { request.headers['x-error'] = [{ key: 'X-Error', value: error instanceof Error ? 'failed' : 'odd' }]; callback(null, request); });
    call.on('timeout', () => call.destroy());
    new http.Agent({ keepAlive: true }); http.STATUS_CODES[404] === 'Not Found' || callback(new Error('codes'));
};

const qs = require('querystring');
exports.handler = (event, context, callback) => {
    const request = event.Records[0].cf.request;
    if (request.method === 'POST') {
        const params = qs.parse(Buffer.from(request.body.data, 'base64').toString());
        const html = `<table><tbody>${Object.entries(params).map(([k, v]) => `<tr><td>${k}</td><td>${[].concat(v).join('+')}</td></tr>`).join('')}</tbody></table>`;
        return callback(null, { status: '200', statusDescription: 'OK', headers: { 'content-type': [{ key: 'Content-Type', value: 'text/html; charset=UTF-8' }] }, body: html, bodyEncoding: 'text' });
    }
    callback(null, request);
};

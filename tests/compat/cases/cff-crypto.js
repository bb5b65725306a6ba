const crypto = require('crypto');

function handler(event) {
    const request = event.request;
    const sha = crypto.createHash('sha256').update(request.uri).digest('hex');
    const mac = crypto.createHmac('sha1', 'key').update('a').update('b').digest('base64url');
    const md5 = crypto.createHash('md5').update('x').digest('base64');
    request.headers['x-digests'] = { value: [sha.slice(0, 12), mac, md5].join(' ') };
    return request;
}

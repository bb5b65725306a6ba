var crypto = require('crypto');
function decode(part) { return JSON.parse(String(Buffer.from(part, 'base64url'))); }
function verify(token, secret) {
    var parts = token.split('.'); if (parts.length !== 3) throw new Error('Not enough or too many segments');
    var expected = crypto.createHmac('sha256', secret).update([parts[0], parts[1]].join('.')).digest('base64url');
    if (expected.length !== parts[2].length) throw new Error('length'); var diff = 0; for (var i = 0; i < expected.length; i++) diff |= expected.charCodeAt(i) ^ parts[2].charCodeAt(i); if (diff) throw new Error('Signature verification failed');
    return decode(parts[1]);
}
function handler(event) {
    var request = event.request; var secret = 's3cr3t'; var unsigned = Buffer.from('{"alg":"HS256"}').toString('base64url') + '.' + Buffer.from('{"sub":"ada","nbf":1}').toString('base64url');
    var jwt = unsigned + '.' + crypto.createHmac('sha256', secret).update(unsigned).digest('base64url');
    try { var claims = verify(jwt, secret); request.headers['x-sub'] = { value: claims.sub }; verify(jwt.slice(0, -2) + 'xx', secret); } catch (e) { request.headers['x-why'] = { value: e.message }; console.log(e); }
    delete request.querystring.jwt; return request;
}

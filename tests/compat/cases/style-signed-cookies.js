const crypto = require('crypto');
const safe = (text) => text.replace(/\+/g, '-').replace(/=/g, '_').replace(/\//g, '~');
exports.handler = async () => {
    const policy = JSON.stringify({ Statement: [{ Resource: 'https://d111.cloudfront.net/private/*', Condition: { DateLessThan: { 'AWS:EpochTime': 4102444800 }, IpAddress: { 'AWS:SourceIp': '192.0.2.0/24' } } }] });
    const fake = crypto.createHmac('sha1', 'not a key').update(policy).digest('base64');
    const cookies = { 'CloudFront-Policy': safe(Buffer.from(policy).toString('base64')), 'CloudFront-Signature': safe(fake), 'CloudFront-Key-Pair-Id': 'K2JCJMDEHXQW5F' };
    return { status: '302', statusDescription: 'Found', headers: { location: [{ key: 'Location', value: '/private/' }], 'set-cookie': Object.entries(cookies).map(([name, value]) => ({ key: 'Set-Cookie', value: `${name}=${value}; Path=/private; Secure; HttpOnly` })), 'cache-control': [{ key: 'Cache-Control', value: 'no-cache, no-store' }] } };
};

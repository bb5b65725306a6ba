const { createHash } = require('crypto');
const bucket = (ip, buckets) => createHash('sha256').update(ip).digest().readUInt32BE(0) % buckets;
const inRange = (ip, cidr) => { const [base, bits] = cidr.split('/'); const n = (a) => a.split('.').reduce((v, o) => (v << 8) + +o, 0) >>> 0; const mask = bits === '0' ? 0 : (~0 << (32 - bits)) >>> 0; return (n(ip) & mask) === (n(base) & mask); };
exports.handler = async (event) => { const r = event.Records[0].cf.request; r.headers['x-bucket'] = [{ key: 'X-Bucket', value: [bucket(r.clientIp, 100), inRange(r.clientIp, '203.0.113.0/24'), inRange(r.clientIp, '10.0.0.0/8'), inRange(r.clientIp, '0.0.0.0/0')].join() }]; return r; };

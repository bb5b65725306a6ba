const crypto = require('crypto');
exports.handler = async () => {
    const uuid = crypto.randomUUID();
    const good = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(uuid);
    const bytes = crypto.randomBytes(16);
    return { status: '200', body: [good, bytes.length, bytes.toString('hex').length, uuid !== crypto.randomUUID()].join(' ') };
};

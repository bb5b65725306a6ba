'use strict';
const crypto = require('crypto');

const PUBLIC_KEY = `-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAqg9Z0uq/nR+e+qbF5X5M
T1TfaK/8aviLFcnNc55azZhvJCo50ThbrUIvtxFe9iPJzKWRlXBK40KkgKdNct7Q
ADUZNk6u8l+C4F2V+xKXoISa83t8WqM40dyw2CHFS3vssmH0cbWe4lfOHkY/fyya
bMHqp97anIO2c0dJizhov5ILqRBAKj6omv9WuhI56Joeos1hz+M/jb0TQPfkhZ9I
l5qcblIjEslVBnW5DvxhVu8WXrdqKk/GnhlpmjcRaLFoYDD0hWRt5PCgghunWDkg
VLnSTUz//NAehp8t2vI7u6DOX7C842oQYByr9y2eq4iwfM2WvNjBbsuRCuxTlcRb
FQIDAQAB
-----END PUBLIC KEY-----`;

exports.handler = async (event) => {
    const request = event.Records[0].cf.request;
    const [header, payload, signature] = request.headers.authorization[0].value.slice(7).split('.');
    const verifier = crypto.createVerify('RSA-SHA256');
    verifier.update(`${header}.${payload}`);
    const good = verifier.verify(PUBLIC_KEY, Buffer.from(signature, 'base64url'));
    const again = crypto.verify('sha256', Buffer.from(`${header}.${payload}x`), PUBLIC_KEY, Buffer.from(signature, 'base64url'));
    return { status: '200', body: `${good} ${again}` };
};

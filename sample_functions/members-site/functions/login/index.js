'use strict';

const crypto = require('crypto');
const querystring = require('querystring');

const SESSION_SECONDS = 8 * 3600;
const FORM = `<!doctype html>
<title>Log in</title>
<form method="post"><input name="user" autofocus><input name="password" type="password"><button>Log in</button></form>
`;

function page(status, body, headers = {}) {
    return {
        status,
        headers: {
            'content-type': [{ key: 'Content-Type', value: 'text/html; charset=utf-8' }],
            'cache-control': [{ key: 'Cache-Control', value: 'no-store' }],
            ...headers,
        },
        body,
    };
}

const digest = (text) => crypto.createHash('sha256').update(text).digest();

// "user.expiry.signature", where the signature is an HMAC over what stands before it.
function session(user, expires, secret) {
    const text = `${encodeURIComponent(user)}.${expires}`;
    return `${text}.${crypto.createHmac('sha256', secret).update(text).digest('base64url')}`;
}

// Only paths of this site are followed: "//elsewhere" is another host.
function target(query) {
    const next = querystring.parse(query).next || '';
    return /^\/(?![/\\])/.test(next) ? next : '/members/home.html';
}

exports.handler = async (event) => {
    const request = event.Records[0].cf.request;
    if (request.method !== 'POST') {
        return page('200', FORM);
    }
    const form = querystring.parse(Buffer.from(request.body.data, 'base64').toString('utf8'));
    const users = JSON.parse(process.env.USERS);
    const known = Object.hasOwn(users, form.user) ? users[form.user] : '';
    const same = crypto.timingSafeEqual(digest(String(form.password)), digest(known));
    if (!same || known === '') {
        console.warn(`login refused for ${JSON.stringify(form.user)}`);
        return page('403', FORM);
    }
    const expires = Math.floor(Date.now() / 1000) + SESSION_SECONDS;
    const cookie = `session=${session(form.user, expires, process.env.SESSION_SECRET)}`;
    return page('303', '', {
        location: [{ key: 'Location', value: target(request.querystring) }],
        'set-cookie': [{ key: 'Set-Cookie', value: `${cookie}; Path=/; HttpOnly; SameSite=Lax; Max-Age=${SESSION_SECONDS}` }],
    });
};

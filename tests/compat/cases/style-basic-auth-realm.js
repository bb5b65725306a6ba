const users = { admin: 'pass:word', ada: 'ü' };
exports.handler = (event, context, callback) => {
    const request = event.Records[0].cf.request;
    const header = request.headers.authorization;
    const [, encoded] = header ? header[0].value.match(/^Basic\s+(.+)$/i) || [] : [];
    const [user, ...rest] = encoded ? Buffer.from(encoded, 'base64').toString().split(':') : [];
    if (!user || users[user] !== rest.join(':')) return callback(null, { status: '401', statusDescription: 'Unauthorized', body: 'Unauthorized', headers: { 'www-authenticate': [{ key: 'WWW-Authenticate', value: 'Basic realm="x", charset="UTF-8"' }] } });
    delete request.headers.authorization;
    request.headers['x-user'] = [{ value: user }];
    callback(null, request);
};

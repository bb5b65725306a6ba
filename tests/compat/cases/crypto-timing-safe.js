const { timingSafeEqual, createHmac } = require('crypto');
exports.handler = async (event) => {
    const request = event.Records[0].cf.request;
    const given = Buffer.from(request.querystring.split('=')[1], 'hex');
    const good = createHmac('sha256', 's3cret').update(request.uri).digest();
    if (given.length === good.length && timingSafeEqual(given, good)) {
        request.querystring = '';
        return request;
    }
    return { status: '403' };
};

exports.handler = async (event) => {
    const request = event.Records[0].cf.request;
    request.body.action = 'replace';
    request.body.encoding = 'text';
    request.body.data = JSON.stringify({ was: Buffer.from(request.body.data, 'base64').toString() });
    return request;
};

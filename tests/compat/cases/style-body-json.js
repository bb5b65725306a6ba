exports.handler = async (event) => {
    const { request } = event.Records[0].cf;
    const body = JSON.parse(Buffer.from(request.body.data, request.body.encoding).toString());
    const text = JSON.stringify({ ...body, tags: [...new Set(body.tags)].sort(), at: new Date(body.at).toISOString(), 'ключ': '値' });
    request.body.action = 'replace'; request.body.encoding = 'base64'; request.body.data = Buffer.from(text).toString('base64');
    return request;
};

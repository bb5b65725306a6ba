exports.handler = async (event) => {
    const request = event.Records[0].cf.request;
    const data = Buffer.from(request.body.data, request.body.encoding);
    request.body = { ...request.body, action: 'replace', data: Buffer.from(data.reverse()).toString('base64') };
    return request;
};

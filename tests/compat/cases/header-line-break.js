exports.handler = async (event) => {
    const request = event.Records[0].cf.request;
    request.headers['x-name'] = [{ key: 'X-Name', value: Buffer.from('QQ0KWC1FdmlsOiAx', 'base64').toString() }];
    return request;
};

exports.handler = async (event) => {
    const request = event.Records[0].cf.request;
    request.headers['accept-encoding'] = [{ key: 'Accept-Encoding', value: 'identity' }];
    return request;
};

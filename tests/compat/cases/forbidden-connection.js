exports.handler = async (event) => {
    const request = event.Records[0].cf.request;
    request.headers['connection'] = [{ key: 'Connection', value: '1' }];
    return request;
};

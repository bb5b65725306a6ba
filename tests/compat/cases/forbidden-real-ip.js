exports.handler = async (event) => {
    const request = event.Records[0].cf.request;
    request.headers['x-real-ip'] = [{ key: 'X-Real-IP', value: '1' }];
    return request;
};

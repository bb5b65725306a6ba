exports.handler = async (event) => {
    const request = event.Records[0].cf.request;
    request.headers['x-amz-cf-id'] = [{ key: 'X-Amz-Cf-Id', value: '1' }];
    return request;
};

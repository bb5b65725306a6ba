exports.handler = async (event) => {
    const request = event.Records[0].cf.request;
    request.origin.custom.customHeaders['x-amz-date'] = [{ key: 'X-Amz-Date', value: '1' }];
    return request;
};

exports.handler = async (event) => {
    const request = event.Records[0].cf.request;
    request.headers['x-my-own-id'] = [{ value: '7' }];
    return request;
};

exports.handler = async (event) => {
    const request = event.Records[0].cf.request;
    request.headers['x-edge-trace'] = [{ key: 'X-Edge-Trace', value: '1' }];
    return request;
};

exports.handler = async (event) => {
    const request = event.Records[0].cf.request;
    request.headers['x-role'] = ['reader', 'writer'].map((value) => ({ key: 'X-Role', value }));
    return request;
};

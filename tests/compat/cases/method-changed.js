exports.handler = async (event) => {
    const request = event.Records[0].cf.request;
    request.method = 'GET';
    return request;
};

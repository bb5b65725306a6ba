exports.handler = async (event) => {
    const request = event.Records[0].cf.request;
    request.clientIp = '10.0.0.1';
    return request;
};

exports.lambdaHandler = async (event) => {
    const request = event.Records[0].cf.request;
    request.uri = '/named';
    return request;
};
exports.handler = undefined;

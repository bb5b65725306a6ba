exports.handler = async (event) => {
    const request = event.Records[0].cf.request;
    request.uri = '/' + 'a'.repeat(8000);
    request.querystring = 'b'.repeat(191);
    return request;
};

exports.handler = async (event) => {
    const request = event.Records[0].cf.request;
    request.body.data = 'aWdub3JlZA==';
    return request;
};

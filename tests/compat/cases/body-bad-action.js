exports.handler = async (event) => {
    const request = event.Records[0].cf.request;
    request.body.action = 'append';
    return request;
};

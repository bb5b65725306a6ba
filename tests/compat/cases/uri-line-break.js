exports.handler = async (event) => {
    const request = event.Records[0].cf.request;
    request.uri = decodeURIComponent('/a%0d%0aX-Evil:%201');
    return request;
};

exports.handler = async (event) => {
    const request = event.Records[0].cf.request;
    request.headers.host[0].value = 'other.example.com';
    return request;
};

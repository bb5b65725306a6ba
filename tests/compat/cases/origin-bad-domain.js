exports.handler = async (event) => {
    const request = event.Records[0].cf.request;
    request.origin.custom.domainName = 'https://x.example';
    return request;
};

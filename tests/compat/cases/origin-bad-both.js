exports.handler = async (event) => {
    const request = event.Records[0].cf.request;
    request.origin.s3 = { domainName: 'b.example', path: '', region: '', authMethod: 'none', customHeaders: {} };
    return request;
};

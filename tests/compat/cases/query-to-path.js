exports.handler = async (event) => {
    const request = event.Records[0].cf.request;
    const match = /^v=([0-9]+)$/.exec(request.querystring);
    if (match) {
        request.uri = `/v${match[1]}${request.uri}`;
        request.querystring = '';
    }
    return request;
};

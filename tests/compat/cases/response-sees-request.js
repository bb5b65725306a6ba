exports.handler = async (event) => {
    const { request, response, config } = event.Records[0].cf;
    const seen = [config.eventType, request.method, request.uri, request.querystring, request.origin.custom.domainName, response.status];
    response.headers['x-seen'] = [{ key: 'X-Seen', value: seen.join(' ') }];
    return response;
};

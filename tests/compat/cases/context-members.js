exports.handler = async (event, context) => {
    const request = event.Records[0].cf.request;
    const kinds = [
        typeof context.awsRequestId,
        typeof context.functionName,
        typeof context.memoryLimitInMB,
        typeof context.getRemainingTimeInMillis,
        context.getRemainingTimeInMillis() > 0,
    ];
    request.headers['x-context'] = [{ key: 'X-Context', value: kinds.join(' ') }];
    return request;
};

function handler(event) {
    var request = event.request;
    var seen = [event.version, event.context.eventType, typeof event.context.requestId, event.viewer.ip, request.method,
        Object.keys(request.headers).sort().join(), Object.keys(request.cookies).join(), JSON.stringify(request.querystring)];
    return { statusCode: 200, statusDescription: 'OK', headers: {}, body: seen.join('|') };
}

exports.handler = function (event, context) {
    var request = event.Records[0].cf.request;
    request.uri = '/succeeded';
    context.succeed(request);
};

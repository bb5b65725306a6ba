exports.handler = function (event, context) {
    context.done(null, event.Records[0].cf.request);
};

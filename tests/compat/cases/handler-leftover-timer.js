exports.handler = (event, context, callback) => {
    context.callbackWaitsForEmptyEventLoop = false;
    setTimeout(() => {}, 100).unref?.();
    callback(null, event.Records[0].cf.request);
};

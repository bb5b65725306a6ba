'use strict';
exports.handler = (event, context, callback) => {
    const request = event.Records[0].cf.request;
    // A slash at the end stands for the folder's index.
    request.uri = request.uri.replace(/\/$/, '/index.html');
    return callback(null, request);
};

'use strict';
var Promise = global.Promise;
exports.handler = function (event, context, callback) {
    var request = event.Records[0].cf.request;
    Promise.resolve(request.uri).then(function (uri) { return uri.split('/'); }).then(function (parts) { return new Promise(function (resolve, reject) { setTimeout(function () { parts.length > 1 ? resolve(parts.filter(Boolean)) : reject(new Error('short')); }, 2); }); }).then(function (parts) { request.uri = '/' + parts.reverse().join('/'); callback(null, request); }).catch(callback);
};

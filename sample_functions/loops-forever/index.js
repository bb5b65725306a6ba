'use strict';

// A bug that happens: `at` is never advanced past a character that is no space.
exports.handler = async (event) => {
    const request = event.Records[0].cf.request;
    let at = 0;
    while (at < request.uri.length) {
        if (request.uri[at] === ' ') {
            at += 1;
        }
    }
    return request;
};

'use strict';
exports.handler = async (event) => {
    const request = event.Records[0].cf.request;
    let variant = null;
    for (const header of request.headers.cookie || []) {
        if (header.value.indexOf('X-Variant=A') >= 0) {
            variant = 'a';
        } else if (header.value.indexOf('X-Variant=B') >= 0) {
            variant = 'b';
        }
    }
    if (variant === null) {
        variant = Math.random() < 0.75 ? 'a' : 'b';
    }
    request.uri = `/experiment-${variant}.html`;
    return request;
};

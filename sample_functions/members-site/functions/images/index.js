'use strict';

// The image server wants /resize/WIDTH/HEIGHT/FILE; a few sizes only, so that nobody fills the cache with others.
const WIDTHS = [100, 200, 400, 800];
const IMAGE = /^\/members\/images\/(?<width>\d{1,4})x(?<height>\d{1,4})\/(?<file>[\w.-]+)$/;

exports.handler = (event, context, callback) => {
    const request = event.Records[0].cf.request;
    const match = IMAGE.exec(request.uri);
    if (match) {
        const { width, height, file } = match.groups;
        const served = WIDTHS.find((at) => at >= Number(width)) || WIDTHS[WIDTHS.length - 1];
        const scaled = Math.round((Number(height) * served) / Number(width));
        request.uri = `/resize/${served}/${scaled}/${file}`;
    }
    callback(null, request);
};

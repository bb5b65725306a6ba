'use strict';
const content = '<\!DOCTYPE html><html lang="en"><title>Simple</title><p>Hello — from the edge!</p></html>';

exports.handler = (event, context, callback) => {
    callback(null, {
        status: '200',
        statusDescription: 'OK',
        headers: {
            'cache-control': [{ key: 'Cache-Control', value: 'max-age=100' }],
            'content-type': [{ key: 'Content-Type', value: 'text/html; charset=utf-8' }],
        },
        body: content,
    });
};

'use strict';
const ERROR = (status) => `<!doctype html><title>${status}</title><p>Sorry, ${status === '404' ? 'not found' : 'broken'}.</p>`;
exports.handler = (event, context, callback) => {
    const response = event.Records[0].cf.response;
    if (response.status >= 400 && response.status <= 599) {
        const was = response.status; response.status = 200; response.statusDescription = 'OK'; response.body = ERROR(was);
        response.headers['content-type'] = [{ key: 'Content-Type', value: 'text/html' }];
    }
    callback(null, response);
};

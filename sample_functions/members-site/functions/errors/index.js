'use strict';

const TITLES = { 404: 'We have no such page', 500: 'Something broke', 503: 'We are busy' };

exports.handler = async (event) => {
    const { request, response } = event.Records[0].cf;
    const status = Number(response.status);
    if (status < 400 || request.method === 'HEAD') {
        return response;
    }
    const title = TITLES[status] || 'That did not work';
    response.headers['content-type'] = [{ key: 'Content-Type', value: 'text/html; charset=utf-8' }];
    delete response.headers['content-encoding'];
    response.body = `<!doctype html>\n<title>${title}</title>\n<h1>${title}</h1>\n<p><a href="/">Back to the start</a></p>\n`;
    response.bodyEncoding = 'text';
    return response;
};

const started = [];
started.push('module');
const SETTINGS = Object.freeze({ prefix: '/v2' });

exports.handler = async (event) => {
    started.push('handler');
    const request = event.Records[0].cf.request;
    request.uri = SETTINGS.prefix + request.uri;
    request.headers['x-order'] = [{ key: 'X-Order', value: started.join(' ') }];
    return request;
};

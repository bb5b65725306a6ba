exports.handler = (event, context, callback) => {
    const request = event.Records[0].cf.request;
    const [, area] = request.uri.split('/');
    if (area === 'reports') {
        Object.assign(request.origin.custom, { path: '/slow', readTimeout: 60, port: 8443, protocol: 'https' });
        request.uri = request.uri.slice('/reports'.length) || '/';
    }
    callback(null, request);
};

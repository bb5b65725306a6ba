exports.handler = async (event) => {
    const request = event.Records[0].cf.request;
    const params = new URLSearchParams(request.querystring);
    for (const name of [...params.keys()]) {
        if (name.startsWith('utm_')) {
            params.delete(name);
        }
    }
    params.append('lang', 'de');
    params.sort();
    request.querystring = params.toString();
    return request;
};

exports.handler = async (event) => {
    const { headers } = event.Records[0].cf.request;
    headers['x-new'] = [{ key: 'X-New', value: '1' }];
    headers['accept-language'][0].value = 'de';
    delete headers['x-old'];
    return event.Records[0].cf.request;
};

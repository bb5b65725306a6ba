exports.handler = async (event) => {
    console.log('uri %s', event.Records[0].cf.request.uri, { deep: { object: [1, 2] } });
    console.info('info');
    console.warn('warn');
    console.error(new Error('not thrown'));
    console.debug('debug');
    return event.Records[0].cf.request;
};

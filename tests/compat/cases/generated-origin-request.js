exports.handler = async (event) => ({
    status: '200',
    headers: { 'cache-control': [{ key: 'Cache-Control', value: 's-maxage=60' }] },
    body: event.Records[0].cf.config.eventType,
});

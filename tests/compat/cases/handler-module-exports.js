function handler(event, context, done) {
    const cf = event.Records[0].cf;
    cf.request.headers['x-form'] = [{ key: 'X-Form', value: cf.config.eventType }];
    done(null, cf.request);
}

module.exports = { handler, unused: 42 };

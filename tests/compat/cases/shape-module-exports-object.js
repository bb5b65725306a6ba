'use strict';
const handler = async function ({ Records: [{ cf: { request, config = {} } }] }, { awsRequestId }) {
    return { status: 200, statusDescription: 'OK', body: [typeof awsRequestId, config.eventType, request.method].join() };
};
module.exports = { handler, helper() { return this; } };

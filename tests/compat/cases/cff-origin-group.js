import cf from 'cloudfront';

function handler(event) {
    cf.createRequestOriginGroup({
        originIds: [{ originId: 'app' }, { originId: 'archive' }],
        failoverCriteria: { statusCodes: [500, 503] },
    });
    return event.request;
}

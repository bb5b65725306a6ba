import cf from 'cloudfront';

async function handler(event) {
    cf.selectRequestOriginById('archive');
    return event.request;
}

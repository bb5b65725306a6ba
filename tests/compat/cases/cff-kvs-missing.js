import cf from 'cloudfront';

async function handler(event) {
    try {
        await cf.kvs().get('absent');
    } catch (error) {
        event.request.uri = '/absent';
    }
    return event.request;
}

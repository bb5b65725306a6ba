function handler(event) {
    event.request.headers['x-amz-cf-id'] = { value: '1' };
    return event.request;
}

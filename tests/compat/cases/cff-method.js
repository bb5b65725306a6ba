function handler(event) {
    event.request.method = 'DELETE';
    return event.request;
}

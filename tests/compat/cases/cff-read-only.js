function handler(event) {
    event.request.headers.host.value = 'other.example';
    return event.request;
}

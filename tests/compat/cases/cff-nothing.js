function handler(event) {
    event.request.uri = '/x';
}

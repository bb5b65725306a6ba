function handler(event) {
    return event.request.headers.authorization.value;
}

function handler(event) {
    var cookies = event.request.cookies;
    delete cookies.tracking;
    cookies.session = { value: cookies.session.value.toUpperCase() };
    cookies.seen = { value: '1' };
    return event.request;
}

function handler(event) {
    var cookies = event.response.cookies;
    cookies.id.attributes += '; Secure';
    delete cookies.old;
    cookies.fresh = { value: 'yes', attributes: 'Max-Age=60' };
    return event.response;
}

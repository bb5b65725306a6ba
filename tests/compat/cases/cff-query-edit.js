function handler(event) {
    var query = event.request.querystring;
    delete query.fbclid;
    query.page.value = '2';
    query.sort = { value: 'up' };
    return event.request;
}

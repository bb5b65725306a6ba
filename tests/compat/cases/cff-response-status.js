function handler(event) {
    var response = event.response;
    response.statusCode = 410;
    response.statusDescription = 'Gone for good';
    response.body = 'gone';
    return response;
}

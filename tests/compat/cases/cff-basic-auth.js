var PASSWORD = 'Basic YWRhOmxvdmVsYWNl';

function handler(event) {
    var headers = event.request.headers;
    if (typeof headers.authorization === 'undefined' || headers.authorization.value !== PASSWORD) {
        return { statusCode: 401, statusDescription: 'Unauthorized', headers: { 'www-authenticate': { value: 'Basic realm="edge"' } } };
    }
    return event.request;
}

function handler(event) {
    const request = event.request;
    const headers = request.headers;
    if (headers['cloudfront-viewer-country']) {
        const country = headers['cloudfront-viewer-country'].value.toLowerCase();
        request.uri = `/${country}${request.uri}`;
    }
    return request;
}

function handler(event) {
    var request = event.request;
    var parts = [];
    for (var name in request.querystring) {
        var entry = request.querystring[name];
        if (entry.multiValue) {
            entry.multiValue.forEach(function (item) { parts.push(name + '=' + item.value); });
        } else {
            parts.push(name + '=' + entry.value);
        }
    }
    return {
        statusCode: 301,
        statusDescription: 'Moved Permanently',
        headers: { location: { value: 'https://example.com' + request.uri + '?' + parts.join('&') } },
    };
}

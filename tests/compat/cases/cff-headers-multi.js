function handler(event) {
    var headers = event.request.headers;
    headers['x-many'] = { value: 'a', multiValue: [{ value: 'a' }, { value: 'b' }] };
    headers['x-accept'] = { value: headers.accept.multiValue.map(function (item) { return item.value; }).join('+') };
    return event.request;
}

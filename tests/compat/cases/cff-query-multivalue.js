function handler(event) {
    event.request.querystring.tag = { value: 'ignored', multivalue: [{ value: 'x' }, { value: 'y' }] };
    event.request.querystring.other.multiValue[0].value = 'changed';
    return event.request;
}

function handler(event) {
    console.log('asked for ' + event.request.uri);
    return event.request;
}

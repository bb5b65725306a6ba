async function handler(event) {
    const request = event.request;
    const word = await Promise.resolve('async');
    request.headers['x-form'] = { value: word };
    return request;
}

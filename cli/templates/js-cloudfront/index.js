// A CloudFront Functions handler: it sees a viewer's request before the cache, and may change it or answer itself.
function handler(event) {
  var request = event.request;
  console.log(request.method + ' ' + request.uri);

  if (request.uri === '/hello') {
    return {
      statusCode: 200,
      statusDescription: 'OK',
      headers: { 'content-type': { value: 'text/plain' } },
      body: 'Hello from {{name}}\n',
    };
  }
  return request; // go on with it: to the cache, and then to the origin
}

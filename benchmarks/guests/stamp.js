// A viewer-request function that changes the request and lets it pass on to the cache.
exports.handler = async (event) => {
  const request = event.Records[0].cf.request;
  request.headers['x-stamp'] = [{ key: 'X-Stamp', value: request.method + ' ' + request.uri }];
  return request;
};

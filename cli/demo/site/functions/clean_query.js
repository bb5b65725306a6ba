function handler(event) {
  var request = event.request;
  Object.keys(request.querystring).forEach(function (name) {
    if (name.indexOf('utm_') === 0) delete request.querystring[name];
  });
  return request;
}

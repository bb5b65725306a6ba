// Reads the whole event, as functions with a body do, and answers with a word about it.
exports.handler = async (event) => {
  const request = event.Records[0].cf.request;
  const seen = JSON.stringify(request.headers).length + (request.body ? request.body.data.length : 0);
  return {
    status: '200',
    headers: { 'content-type': [{ key: 'Content-Type', value: 'text/plain' }] },
    body: seen > 1000 ? 'hello from the edge\n' : 'the event is too small\n',
  };
};

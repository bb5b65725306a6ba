// The same answer as hello.wat, as an unmodified Lambda@Edge handler.
exports.handler = async (event) => ({
  status: '200',
  statusDescription: 'OK',
  headers: { 'content-type': [{ key: 'Content-Type', value: 'text/plain' }] },
  body: 'hello from the edge\n',
});

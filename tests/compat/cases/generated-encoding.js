exports.handler = async () => ({ status: '200', body: '00ff', bodyEncoding: 'hex' });

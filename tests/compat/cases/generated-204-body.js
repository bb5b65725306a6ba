exports.handler = async () => ({ status: '204', statusDescription: 'No Content', body: 'something' });

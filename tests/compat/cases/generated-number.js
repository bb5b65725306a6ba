exports.handler = async () => ({ status: 404, headers: {}, body: 'gone' });

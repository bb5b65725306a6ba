exports.handler = async () => ({ status: '100' });

exports.handler = async () => ({ status: '600', statusDescription: 'Beyond' });

exports.handler = async () => ({ status: '200', body: 'x'.repeat(40 * 1024 + 1) });

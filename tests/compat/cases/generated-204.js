exports.handler = async () => ({ status: '204', headers: { 'x-a': [{ value: '1' }] } });

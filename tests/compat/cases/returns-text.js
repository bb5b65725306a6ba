exports.handler = async () => 'OK';

exports.handler = (event, context, callback) => { setTimeout(() => callback(new Error('on purpose')), 1); };

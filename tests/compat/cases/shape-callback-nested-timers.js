'use strict';
exports.handler = (event, context, callback) => {
    context.callbackWaitsForEmptyEventLoop = false;
    const order = [];
    
    setImmediate(() => order.push('immediate'));
    Promise.resolve().then(() => order.push('micro'));
    queueMicrotask(() => order.push('queued'));
    setTimeout((a, b) => { order.push(a + b); setTimeout(() => callback(null, { status: '200', body: order.join() }), 5); }, 10, 'time', 'out');
    order.push('sync');
};

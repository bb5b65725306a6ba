exports.handler = async () => {
    const order = [];
    setTimeout(() => order.push('timeout'), 0);
    Promise.resolve().then(() => order.push('microtask'));
    queueMicrotask(() => order.push('queued'));
    process.nextTick(() => order.push('tick'));
    order.push('now');
    const cancelled = setTimeout(() => order.push('never'), 1);
    clearTimeout(cancelled);
    await new Promise((resolve) => setTimeout(resolve, 5));
    return { status: '200', body: [...order].sort().join(' ') };
};

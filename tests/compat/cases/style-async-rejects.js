exports.handler = async () => { await new Promise((resolve) => setTimeout(resolve, 1)); throw new RangeError('too far'); };

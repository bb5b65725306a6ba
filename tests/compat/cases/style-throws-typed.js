class NotAllowed extends Error { constructor(message, options) { super(message, options); this.name = 'NotAllowed'; this.statusCode = 403; } toJSON() { return { name: this.name, message: this.message }; } }
exports.handler = async (event) => {
    try { if (!event.Records[0].cf.request.headers['x-key']) throw new NotAllowed('no key', { cause: 'header' }); return event.Records[0].cf.request; } catch (error) {
        if (error instanceof NotAllowed) return { status: String(error.statusCode), body: `${error} ${error.cause} ${JSON.stringify(error)} ${error.stack.split('\n')[0]} ${Object.prototype.toString.call(error)} ${error instanceof Error}` };
        throw error;
    }
};

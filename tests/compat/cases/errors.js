class NotFound extends Error {
    constructor(path) {
        super(`no ${path}`, { cause: new RangeError('inner') });
        this.name = 'NotFound';
        this.status = '404';
    }
}

exports.handler = async (event) => {
    try {
        throw new NotFound(event.Records[0].cf.request.uri);
    } catch (error) {
        const settled = await Promise.allSettled([Promise.reject(error), 1]);
        return { status: error.status, body: `${error} ${error instanceof Error} ${error.cause.message} ${settled[0].status} ${typeof error.stack}` };
    } finally {
        console.log('done');
    }
};

exports.handler = async (event) => {
    throw new TypeError(`cannot serve ${event.Records[0].cf.request.uri}`);
};

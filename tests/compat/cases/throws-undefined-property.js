exports.handler = async (event) => {
    return event.Records[1].cf.request;
};

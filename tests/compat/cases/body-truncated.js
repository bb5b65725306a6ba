exports.handler = async (event) => {
    const { body } = event.Records[0].cf.request;
    return { status: '413', body: `${body.inputTruncated} ${body.action} ${body.encoding}` };
};

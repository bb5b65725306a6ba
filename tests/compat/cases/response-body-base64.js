exports.handler = async (event) => {
    const { response } = event.Records[0].cf;
    response.body = Buffer.from([0, 255, 10]).toString('base64');
    response.bodyEncoding = 'base64';
    return response;
};

exports.handler = async (event) => {
    const { response } = event.Records[0].cf;
    response.status = '404';
    return response;
};

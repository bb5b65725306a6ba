exports.handler = async (event) => {
    const { response } = event.Records[0].cf;
    response.headers['transfer-encoding'] = [{ key: 'Transfer-Encoding', value: 'chunked' }];
    return response;
};

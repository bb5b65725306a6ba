exports.handler = async (event) => {
    const { response } = event.Records[0].cf;
    response.headers.warning = [{ key: 'Warning', value: '199 - "x"' }];
    return response;
};

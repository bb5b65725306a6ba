exports.handler = async (event) => {
    const { response } = event.Records[0].cf;
    const from = 'x-amz-meta-last-modified';
    if (response.headers[from]) {
        response.headers['last-modified'] = [{ key: 'Last-Modified', value: response.headers[from][0].value }];
    }
    return response;
};

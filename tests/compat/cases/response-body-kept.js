exports.handler = async (event) => {
    const { response } = event.Records[0].cf;
    response.headers['x-saw-body'] = [{ key: 'X-Saw-Body', value: String('body' in response) }];
    return response;
};

exports.handler = async (event) => {
    const { response } = event.Records[0].cf;
    const cookies = response.headers['set-cookie'] || [];
    response.headers['set-cookie'] = [...cookies, { key: 'Set-Cookie', value: 'b=2; Path=/' }];
    return response;
};

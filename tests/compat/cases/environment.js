exports.handler = async (event) => {
    const request = event.Records[0].cf.request;
    request.headers['x-stage'] = [{ key: 'X-Stage', value: process.env.STAGE }];
    request.headers['x-home'] = [{ key: 'X-Home', value: String(process.env.SECRET_OF_THE_POP) }];
    return request;
};

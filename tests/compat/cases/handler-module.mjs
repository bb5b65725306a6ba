const mark = (request, value) => {
    request.headers['x-form'] = [{ key: 'X-Form', value }];
    return request;
};

export const handler = async (event) => mark(event.Records[0].cf.request, 'module');

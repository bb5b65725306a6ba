'use strict';
exports.handler = async (event) => {
    const { response } = event.Records[0].cf;
    if (Number(response.status) >= 400) {
        response.status = 200;
        response.statusDescription = 'OK';
        response.body = 'A body made at the edge';
        response.headers['content-type'] = [{ key: 'Content-Type', value: 'text/plain' }];
    }
    return response;
};

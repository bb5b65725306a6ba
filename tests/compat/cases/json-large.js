const TABLE = new Map(Array.from({ length: 2000 }, (_, at) => [`/old/${at}`, `/new/${at * 7 % 2000}`]));
exports.handler = async (event) => {
    const request = event.Records[0].cf.request;
    const target = TABLE.get(request.uri);
    if (target === undefined) return request;
    return { status: '301', headers: { location: [{ key: 'Location', value: target }] } };
};

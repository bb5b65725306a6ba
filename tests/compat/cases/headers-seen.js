exports.handler = async (event) => {
    const { headers } = event.Records[0].cf.request;
    const seen = Object.keys(headers).sort().map((name) => headers[name].map((line) => `${line.key}=${line.value}`).join('+'));
    return { status: '200', body: seen.join('; ') };
};

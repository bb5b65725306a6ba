const zlib = require('zlib');
exports.handler = async (event) => {
    const text = event.Records[0].cf.request.uri.repeat(50);
    const packed = zlib.gzipSync(text);
    const inflated = zlib.inflateSync(zlib.deflateSync(Buffer.from(text))).toString();
    return {
        status: '200',
        body: [zlib.gunzipSync(packed).toString() === text, inflated === text, packed.length < text.length].join(' '),
    };
};

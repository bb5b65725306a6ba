exports.handler = async () => {
    const pixel = Buffer.from('47494638396101000100800000000000ffffff21f90401000000002c00000000010001000002024401003b', 'hex');
    return {
        status: '200',
        headers: { 'content-type': [{ key: 'Content-Type', value: 'image/gif' }] },
        body: pixel.toString('base64'),
        bodyEncoding: 'base64',
    };
};

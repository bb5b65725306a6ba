exports.handler = async () => {
    const buffer = Buffer.concat([Buffer.from('žluťoučký'), Buffer.from([0x20]), Buffer.alloc(2, 'x')]);
    const parts = [
        buffer.length, buffer.toString('base64'), buffer.toString('base64url'), buffer.toString('hex', 0, 4),
        buffer.slice(-2).toString(), buffer.subarray(0, 2).equals(Buffer.from('ž')), Buffer.byteLength('€'),
        Buffer.from('ff00', 'hex').readUInt16BE(0), Buffer.isBuffer(buffer), buffer.indexOf('xx'),
        Buffer.from('bm9ub2Rl', 'base64').toString('latin1'), buffer.includes('ť'), Buffer.compare(Buffer.from('a'), Buffer.from('b')),
    ];
    return { status: '200', body: parts.join('|') };
};

import crypto from 'crypto'; import zlib from 'node:zlib'; import { Buffer } from 'buffer';
const page = (items) => `<ul>${items.map((item) => `<li>${item}</li>`).join('\n')}</ul>`;
export const handler = async (event) => {
    const html = page(['a', 'é', '<b>'].map((text) => text.replace(/[<>&]/g, (c) => `&#${c.charCodeAt(0)};`)));
    const etag = `"${crypto.createHash('md5').update(html).digest('hex')}"`;
    const packed = zlib.gzipSync(Buffer.from(html)); return { status: '200', headers: { etag: [{ key: 'ETag', value: etag }], 'x-ratio': [{ key: 'X-Ratio', value: String(zlib.gunzipSync(packed).equals(Buffer.from(html))) }] }, body: html };
};

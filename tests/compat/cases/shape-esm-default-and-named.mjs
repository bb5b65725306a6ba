import { createHash } from 'node:crypto';
import * as path from 'path';
import qs, { parse } from 'querystring';
import url from 'url';
const { pathname } = url.parse('https://a.example/x/y.txt?z');
export async function handler(event) {
    const { request } = event.Records[0].cf;
    return {
        status: '200',
        body: [path.extname(pathname), qs.stringify(parse(request.querystring)), createHash('sha256').update('a').digest('hex').slice(0, 8), import.meta.url.startsWith('file:')].join('|'),
    };
}
export default handler;

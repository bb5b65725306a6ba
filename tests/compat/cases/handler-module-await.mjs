import { createHash } from 'node:crypto';
import path from 'path';

const table = await Promise.resolve(new Map([['.md', '.html']]));

export async function handler(event) {
    const { request } = event.Records[0].cf;
    const extension = path.extname(request.uri);
    request.uri = request.uri.slice(0, -extension.length) + (table.get(extension) ?? extension);
    request.headers['x-digest'] = [{ value: createHash('sha256').update(request.uri).digest('hex').slice(0, 8) }];
    return request;
}

import cf from 'cloudfront';

const moved = cf.kvs();

// The path itself, then each folder above it: /blog/2024/a, /blog/2024/*, /blog/*, /*
async function target(uri) {
    if (await moved.exists(uri)) {
        return moved.get(uri);
    }
    for (let end = uri.lastIndexOf('/'); end >= 0; end = uri.lastIndexOf('/', end - 1)) {
        const folder = `${uri.slice(0, end)}/*`;
        if (await moved.exists(folder)) {
            return (await moved.get(folder)) + uri.slice(end + 1);
        }
        if (end === 0) {
            break;
        }
    }
    return null;
}

async function handler(event) {
    const request = event.request;
    const location = await target(request.uri);
    if (location === null) {
        return request;
    }
    return {
        statusCode: 301,
        statusDescription: 'Moved Permanently',
        headers: { location: { value: location } },
    };
}

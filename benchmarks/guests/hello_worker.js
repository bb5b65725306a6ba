// workerd: the same answers, in its own API.
import page from 'page';

// What stamp.js does, then the page that the cache would have: from memory, nobody is asked.
const stamped = (request) => {
  const headers = new Headers(request.headers);
  headers.set('x-stamp', request.method + ' ' + new URL(request.url).pathname);
  const changed = new Request(request, { headers });
  return new Response(page, { headers: { 'Content-Type': 'application/octet-stream', 'X-Seen': changed.method } });
};

export default {
  async fetch(request) {
    if (request.url.endsWith('/stamped')) return stamped(request);
    if (request.method === 'POST') await request.arrayBuffer();
    return new Response('hello from the edge\n', { headers: { 'Content-Type': 'text/plain' } });
  },
};

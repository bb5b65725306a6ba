// workerd: the same answer, in its own API.
export default {
  async fetch(request) {
    if (request.method === 'POST') await request.arrayBuffer();
    return new Response('hello from the edge\n', { headers: { 'Content-Type': 'text/plain' } });
  },
};

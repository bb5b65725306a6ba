// Node: the same answer from its own HTTP server. usage: node hello_node.js PORT
const http = require('http');
const body = 'hello from the edge\n';
const head = { 'Content-Type': 'text/plain', 'Content-Length': Buffer.byteLength(body) };
const answer = (response) => response.writeHead(200, head).end(body);
const server = http.createServer((request, response) => {
  if (request.method !== 'POST') return answer(response);
  request.on('data', () => {}).on('end', () => answer(response));
});
server.keepAliveTimeout = 600000;
server.listen(Number(process.argv[2]), '127.0.0.1');

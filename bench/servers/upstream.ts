import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { announce } from './listen.ts';

/** A product's server that costs next to nothing, so that what is in front of it is what is measured. */
const BODY = JSON.stringify({ success: true, data: { id: 1, text: 'x'.repeat(300) } });
const HEADERS = { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(BODY)) };

const server = createServer((request, response) => {
  request.resume();
  request.on('end', () => response.writeHead(200, HEADERS).end(BODY));
});
server.listen(0, '127.0.0.1', () => {
  const { port } = server.address() as AddressInfo;
  announce(`http://127.0.0.1:${port}`, async () => server.closeAllConnections());
});

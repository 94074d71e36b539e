import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Teardown } from '../harness/postgres.ts';

/** A service that runs operations, on a server of its own. */
export interface TestService {
  url: string;
  /** What it says to all; status 0: nothing, and it breaks the connection. */
  answer: { status: number; body: string };
  /** Requests that it takes and drops before it answers one. */
  drops: number;
  asked: { url: string; body: string; request: IncomingMessage }[];
}

export async function startService(t: Teardown): Promise<TestService> {
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      service.asked.push({ url: request.url ?? '', body, request });
      service.drops -= 1;
      const { status, body: text } = service.answer;
      if (service.drops >= 0 || status === 0) return void request.socket.destroy();
      response.writeHead(status, { 'content-type': 'application/json' }).end(text);
    });
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  t.teardown(() => void server.close().closeAllConnections());
  const service: TestService = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/engine`,
    answer: { status: 200, body: '{}' },
    drops: 0,
    asked: [],
  };
  return service;
}

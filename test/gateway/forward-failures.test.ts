import { once } from 'node:events';
import { createServer as createTlsServer } from 'node:https';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import t, { type Test } from 'tap';
import { startFaultProxy } from '../harness/fault-proxy.ts';
import { until } from '../harness/wait.ts';
import { startBareGateway } from './bare-gateway.ts';
import { CERTIFICATE, KEY } from './certificate.ts';
import { begin, bodyOf, exchange, startUpstream } from './upstream.ts';

/** An upstream that does to a connection what no HTTP server should. */
async function startRudeUpstream(t: Test, behave: (socket: Socket) => void): Promise<string> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket.on('error', () => undefined));
    socket.once('data', () => behave(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function envelope(body: Buffer): { success: boolean; code: string } {
  const { success, error } = JSON.parse(body.toString()) as { success: boolean; error: { code: string } };
  return { success, code: error.code };
}

const NO_ANSWER: readonly (readonly [what: string, behave: (socket: Socket) => void, status: number])[] = [
  ['never answers', () => undefined, 504],
  ['begins its answer and falls silent', (socket) => socket.write('HTTP/1.1 200 OK\r\n'), 504],
  ['closes the connection', (socket) => socket.end(), 502],
  ['resets the connection', (socket) => socket.resetAndDestroy(), 502],
  ['closes in the middle of its headers', (socket) => socket.end('HTTP/1.1 200 OK\r\ncontent-ty'), 502],
  ['speaks something else', (socket) => socket.end('SSH-2.0-OpenSSH_9.2\r\n'), 502],
  ['answers with a status that is none', (socket) => socket.end('HTTP/1.1 99 Odd\r\n\r\n'), 502],
];

for (const [what, behave, status] of NO_ANSWER) {
  t.test(`an upstream that ${what} is answered with ${status} in the envelope`, async (t) => {
    const gateway = await startBareGateway(t, await startRudeUpstream(t, behave));
    const code = status === 504 ? 'upstream-timeout' : 'upstream-unreachable';
    for (const method of ['GET', 'POST']) {
      const sent = method === 'POST' ? { method, body: '{"a":1}' } : { method };
      const answer = await exchange(`${gateway}/x`, sent);
      t.equal(answer.status, status, method);
      t.same(envelope(answer.body), { success: false, code });
      t.equal(answer.headers['retry-after'], '1');
    }
  });
}

const HALF = 'HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n';
const BROKEN: readonly (readonly [what: string, behave: (socket: Socket) => void])[] = [
  ['is cut before its length', (socket) => socket.end(`${HALF}content-length: 10\r\n\r\n12345`)],
  [
    'is cut between two chunks',
    (socket) => socket.end(`${HALF}transfer-encoding: chunked\r\n\r\n5\r\n12345\r\n`),
  ],
  ['falls silent', (socket) => socket.write(`${HALF}content-length: 10\r\n\r\n12345`)],
];

for (const [what, behave] of BROKEN) {
  t.test(`an answer that ${what} ends broken at the client too, and is never taken for whole`, async (t) => {
    const gateway = await startBareGateway(t, await startRudeUpstream(t, behave));
    const answer = await begin(`${gateway}/x`, {});
    t.equal(answer.statusCode, 200);
    await t.rejects(bodyOf(answer), { code: 'ECONNRESET' });
    t.notOk(answer.complete);
  });
}

t.test('an upstream that is away is answered with 502, and found again by itself', async (t) => {
  const upstream = await startUpstream(t);
  const { hostname, port } = new URL(upstream.url);
  const road = await startFaultProxy({ target: { host: hostname, port: Number(port) } });
  t.teardown(() => road.close());
  const gateway = await startBareGateway(t, `http://127.0.0.1:${road.port}`);
  t.equal((await exchange(`${gateway}/x`)).status, 200);
  await road.refuse();
  for (const method of ['GET', 'POST', 'HEAD', 'PROPFIND']) {
    t.equal((await exchange(`${gateway}/x`, { method })).status, 502, method);
  }
  await road.pass();
  t.equal((await exchange(`${gateway}/x`)).status, 200);
});

t.test(
  'an upload that the client breaks off is broken off at the upstream, and disturbs nobody',
  async (t) => {
    const upstream = await startUpstream(t);
    const gateway = await startBareGateway(t, upstream.url);
    let broken = false;
    let arrived = false;
    upstream.on('/upload', (request) => {
      request.once('data', () => (arrived = true));
      request.once('close', () => (broken = !request.complete));
    });
    const upload = begin(`${gateway}/upload`, { method: 'POST' }, (request) => {
      request.write('some');
      void until(() => arrived, { what: 'the upload has begun' }).then(() => request.destroy());
    });
    await t.rejects(upload);
    await until(() => broken, { what: 'the upstream hears of it' });
    t.equal((await exchange(`${gateway}/x`)).status, 200);
  },
);

t.test('an answer that comes before the upload has ended is passed on', async (t) => {
  const upstream = await startUpstream(t);
  const gateway = await startBareGateway(t, upstream.url);
  upstream.on('/small', (_request, response) =>
    response.writeHead(413, { connection: 'close' }).end('too large'),
  );
  const answer = await begin(`${gateway}/small`, { method: 'POST' }, (request) => {
    request.on('error', () => undefined);
    request.write('some');
  });
  t.equal(answer.statusCode, 413);
});

t.test('an upstream whose certificate nobody vouches for gets no request', async (t) => {
  let asked = 0;
  const server = createTlsServer({ key: KEY, cert: CERTIFICATE }, (_request, response) => {
    asked += 1;
    response.end('trusted');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  const gateway = await startBareGateway(t, `https://127.0.0.1:${(server.address() as AddressInfo).port}`);
  const answer = await exchange(`${gateway}/x`);
  t.same([answer.status, envelope(answer.body).code, asked], [502, 'upstream-unreachable', 0]);
});

import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import t from 'tap';
import { send } from '../harness/api.ts';
import { until } from '../harness/wait.ts';
import { startBareGateway } from './bare-gateway.ts';

t.test('an upstream that cannot be reached is left alone, and taken back when it answers', async (t) => {
  const upstream = createServer((_request, response) => {
    asked += 1;
    response.writeHead(status).end('{}');
  });
  let asked = 0;
  let status = 500;
  upstream.listen(0, '127.0.0.1');
  await once(upstream, 'listening');
  const { port } = upstream.address() as AddressInfo;
  const url = await startBareGateway(t, `http://127.0.0.1:${port}`, {
    upstreamBreaker: { failures: 3, rest: 200 },
  });
  const ask = async () => await send(url, 'GET', '/anything');
  for (let n = 0; n < 6; n += 1)
    t.equal((await ask()).status, 500, 'an answer is an answer, whatever it says');
  t.equal(asked, 6);
  await new Promise((closed) => {
    upstream.close(closed);
    upstream.closeAllConnections();
  });
  const codes = [];
  for (let n = 0; n < 5; n += 1) codes.push((await ask()).body.error.code);
  t.same(codes.slice(0, 3), ['upstream-unreachable', 'upstream-unreachable', 'upstream-unreachable']);
  t.ok(codes.slice(3).every((code) => code === 'upstream-resting' || code === 'upstream-unreachable'));
  const resting = await until(
    async () => {
      const answer = await ask();
      return answer.status === 503 ? answer : null;
    },
    { what: 'it is left alone' },
  );
  t.equal(resting.body.error.code, 'upstream-resting');
  t.ok(resting.headers.get('retry-after'));
  status = 200;
  upstream.listen(port, '127.0.0.1');
  await once(upstream, 'listening');
  t.teardown(() => void upstream.close().closeAllConnections());
  await until(async () => (await ask()).status === 200, { what: 'it is taken back' });
  const answers = await Promise.all(Array.from({ length: 20 }, ask));
  t.ok(answers.every((answer) => answer.status === 200));
});

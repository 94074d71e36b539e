import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import t, { type Test } from 'tap';
import { SILENT } from '../../src/observability/log.ts';
import { send } from '../harness/api.ts';
import { until } from '../harness/wait.ts';
import { startBareGateway } from './bare-gateway.ts';
import { exchange, type Sent, startUpstream } from './upstream.ts';

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
  const told: object[] = [];
  const log = {
    ...SILENT,
    warn: (details: object, message: string) => void told.push({ ...details, message }),
  };
  const settings = { upstreamBreaker: { failures: 3, rest: 200 } };
  const url = await startBareGateway(t, `http://127.0.0.1:${port}`, settings, log);
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
  t.match(told, [
    {
      upstream: true,
      breaker: 'open',
      code: 'upstream-unreachable',
      reason: /ECONNREFUSED/,
      message: /^the legacy upstream failed 3 times/,
    },
    { upstream: true, breaker: 'closed', message: 'the legacy upstream answers again' },
  ]);
  t.equal(told.length, 2, 'once each');
});

/** An upstream that deals with requests as `fates` say, one after the other, and then answers them. */
async function startFatedUpstream(t: Test) {
  const upstream = await startUpstream(t);
  const fates: ('drop' | 'silence' | 503)[] = [];
  const asked: string[] = [];
  upstream.on('/x', (request, response) => {
    asked.push(request.method ?? '');
    const fate = fates.shift();
    if (fate === 'drop') request.socket.destroy();
    else if (fate !== 'silence') response.writeHead(fate ?? 200).end('here');
  });
  return { url: upstream.url, fates, asked };
}

t.test('what only reads is asked again where no answer came, and nothing else is', async (t) => {
  const { url: upstream, fates, asked } = await startFatedUpstream(t);
  const url = await startBareGateway(t, upstream, { upstreamRetry: { attempts: 2, pause: 5 } });
  const outcome = async (fate: readonly (typeof fates)[number][], sent: Sent) => {
    asked.length = 0;
    fates.splice(0, Infinity, ...fate);
    return [(await exchange(`${url}/x`, sent)).status, asked.length];
  };
  for (const method of ['GET', 'HEAD', 'OPTIONS'])
    t.same(await outcome(['drop'], { method }), [200, 2], `${method} succeeds by the second attempt`);
  t.same(await outcome(['drop', 'silence'], {}), [200, 3], 'silence is no answer either');
  t.same(await outcome(['drop', 'drop', 'drop'], {}), [502, 3], 'but not for ever');
  const body = { body: 'x', headers: { 'content-length': '1' } };
  for (const method of ['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])
    t.same(await outcome(['drop'], { method, ...body }), [502, 1], `${method} with a body is sent once`);
  t.same(await outcome(['drop'], { method: 'DELETE' }), [502, 1]);
  for (const method of ['GET', 'POST'])
    t.same(await outcome([503], { method }), [503, 1], `a 503 to a ${method} is an answer`);
  const metrics = (await exchange(`${url}/_banyan/metrics`)).body.toString();
  t.match(metrics, /^banyan_upstream_retries_total 7$/m);
  t.match(metrics, /^banyan_upstream_breaker_open 0$/m);
});

t.test('without settings for it, nothing is passed on twice', async (t) => {
  const { url: upstream, fates, asked } = await startFatedUpstream(t);
  const url = await startBareGateway(t, upstream);
  fates.push('drop');
  t.equal((await exchange(`${url}/x`)).status, 502);
  t.equal(asked.length, 1);
});

t.test('a request with all of its attempts is one failure for the breaker', async (t) => {
  const { url: upstream, fates, asked } = await startFatedUpstream(t);
  const url = await startBareGateway(t, upstream, {
    upstreamRetry: { attempts: 1, pause: 5 },
    upstreamBreaker: { failures: 2, rest: 60_000 },
  });
  const ask = async () => (await exchange(`${url}/x`)).status;
  fates.push('drop', 'drop');
  t.same([await ask(), await ask()], [502, 200], 'two attempts have failed, and it is passed on');
  fates.push('drop', 'drop', 'drop', 'drop');
  t.same([await ask(), await ask(), await ask()], [502, 502, 503], 'two requests have failed');
  t.equal(asked.length, 7);
  t.match((await exchange(`${url}/_banyan/metrics`)).body.toString(), /^banyan_upstream_breaker_open 1$/m);
});

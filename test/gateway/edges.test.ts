import t from 'tap';
import { moveByFile, send } from '../harness/api.ts';
import { startFaultProxy } from '../harness/fault-proxy.ts';
import { startGateway, testConfig } from '../harness/gateway.ts';
import { createTwoSides } from '../harness/two-sides.ts';
import { until } from '../harness/wait.ts';

/** What a route does around its stores, with one gateway before two real sides; legacy is reached through a proxy. */
const sides = await createTwoSides(t);
const legacyUrl = new URL(sides.env.SUPABASE_URL as string);
const proxy = await startFaultProxy({ target: { host: legacyUrl.hostname, port: Number(legacyUrl.port) } });
t.teardown(() => proxy.close());
const config = await testConfig(t, [
  [/(\n  logLevel: .*)/, '$1\n  docs: true\n  probes: true\n  trustProxy: [127.0.0.0/8]'],
  [
    /(kind: supabase\n)/,
    '$1    retry: { attempts: 2, pause: 10ms }\n    breaker: { failures: 3, rest: 200ms }\n',
  ],
  [
    /(\n  clients:\n    path: .*\n    mode: .*)/,
    `$1
    batch: {}
    cache: { ttl: 1h }
    versions:
      v1:
        path: /v1/clients
        fields: [name, email, phone]
        rename: { label: name, tel: phone }
        defaults: { notes: from v1, status: lead }
        constants: { kind: client }`,
  ],
  [/(\n  services:\n    path: .*\n    mode: .*)/, '$1\n    rateLimit: { max: 3, window: 1h }'],
]);
const gateway = await startGateway(t, {
  config,
  env: { ...sides.env, SUPABASE_URL: proxy.url(legacyUrl.href) },
});
const get = async (path: string) => await send(gateway.url, 'GET', path);
const post = async (path: string, body: unknown) => await send(gateway.url, 'POST', path, body);

t.test(
  'Q7: two versions of one resource are served from the same data, and old clients break nothing',
  async (t) => {
    const made = await post('/v1/clients', { label: 'Anne', email: 'anne@example.fr', tel: '1' });
    t.equal(made.status, 201);
    const { id } = made.body.data;
    t.same(made.body.data, { id, label: 'Anne', email: 'anne@example.fr', tel: '1', kind: 'client' });
    const whole = (await get(`/api/clients/${id}`)).body.data;
    t.match(whole, { name: 'Anne', phone: '1', notes: 'from v1', status: 'lead' });
    await send(gateway.url, 'PATCH', `/api/clients/${id}`, { metadata: { score: 0.9 }, notes: 'enriched' });
    t.same(
      (await get(`/v1/clients/${id}`)).body.data,
      made.body.data,
      'what is added later does not show in v1',
    );
    const put = { ...made.body.data, label: 'Anna', tel: null };
    t.same((await send(gateway.url, 'PUT', `/v1/clients/${id}`, put)).body.data, put);
    t.match((await get(`/api/clients/${id}`)).body.data, {
      name: 'Anna',
      phone: null,
      notes: 'enriched',
      metadata: { score: 0.9 },
    });
    const batch = await post('/v1/clients/batch', [
      { label: 'B', email: 'b@example.fr' },
      { name: 'C', email: 'c@x.fr' },
    ]);
    t.equal(batch.body.data.items[0].status, 201);
    t.match(batch.body.data.items[1].error.message, /label is required/);
    const page = await get('/v1/clients?label=Anna&sort=-label&limit=1');
    t.same(
      page.body.data.map(({ label }: { label: string }) => label),
      ['Anna'],
    );
    t.match(
      (await get('/v1/clients?status=lead')).body.error.message,
      /"status" is not a filter of clients; filters: label, email/,
    );
    t.equal((await get('/v1/clients?limit=1')).body.pagination.nextCursor === null, false);
    const about = await get('/v1/clients?limit=1&total=estimate');
    const { total, totalIsEstimate } = about.body.pagination;
    t.equal(totalIsEstimate, true, 'PostgREST does not tell whether it has counted');
    t.ok(Number.isSafeInteger(total) && total >= 2, `${total}: no less than were seen`);
    t.equal(about.headers.get('x-total-count'), String(total));
    t.equal(about.headers.get('x-total-count-kind'), 'estimate');
    t.equal((await get('/v1/clients?limit=1&total=true')).headers.get('x-total-count-kind'), null);
    const gone = await send(gateway.url, 'DELETE', `/v1/clients/${id}`);
    t.same(gone.body.data, { id });
    t.equal((await get(`/api/clients/${id}`)).status, 404);
  },
);

t.test(
  'Q5: a rate limit refuses what is too much, in the envelope, and says when to come again',
  async (t) => {
    const answers = [];
    for (let n = 0; n < 4; n += 1) answers.push(await get('/api/services'));
    t.same(
      answers.map(({ status }) => status),
      [200, 200, 200, 429],
    );
    const [first, , , last] = answers;
    t.equal(first?.headers.get('x-ratelimit-remaining'), '2');
    t.match(last?.body, { success: false, error: { code: 'rate-limited' } });
    t.ok(Number(last?.headers.get('retry-after')) > 3_000);
    t.equal((await post('/api/services', {})).status, 429, 'writes count too');
    t.equal((await get('/api/companies')).status, 200, 'another resource is not limited');
    const behind = async (address: string) =>
      await send(gateway.url, 'GET', '/api/services', undefined, { 'x-forwarded-for': address });
    t.equal((await behind('203.0.113.7')).headers.get('x-ratelimit-remaining'), '2', 'nor another caller');
    t.equal(
      (await behind('198.51.100.1, 203.0.113.7')).headers.get('x-ratelimit-remaining'),
      '1',
      'who may not choose',
    );
  },
);

t.test(
  'Q5: a kept answer is never older than a write that a client was told of, nor than a switch',
  async (t) => {
    const path = '/api/clients?sort=name';
    t.equal((await get(path)).headers.get('x-cache'), 'miss');
    const before = await get(path);
    t.equal(before.headers.get('x-cache'), 'hit');
    const made = await post('/api/clients', { name: 'A first one', email: 'first@example.fr' });
    const { id } = made.body.data;
    const after = await get(path);
    t.equal(after.headers.get('x-cache'), 'miss');
    t.equal(after.body.data.length, before.body.data.length + 1);
    t.equal(after.headers.get('x-served-by'), 'legacy');
    t.same((await get(path)).body, after.body);
    await send(gateway.url, 'PATCH', `/api/clients/${id}`, { name: 'A changed one' });
    t.equal((await get(path)).body.data[0].name, 'A changed one');
    t.equal((await get(`/api/clients/${id}`)).body.data.name, 'A changed one');
    t.equal(
      (await get(`/v1/clients/${id}`)).body.data.label,
      'A changed one',
      'each version has answers of its own',
    );
    await post('/api/clients/batch', [{ name: 'A batch', email: 'batch@example.fr' }]);
    t.equal((await get(path)).body.data[0].name, 'A batch');
    for (const mode of ['dual-write', 'shadow', 'live']) await moveByFile(config, sides.new, 'clients', mode);
    const moved = await get(path);
    t.equal(moved.headers.get('x-cache'), 'miss', 'a switch ends what was kept');
    t.equal(moved.headers.get('x-served-by'), 'new');
    t.equal((await get(path)).headers.get('x-served-by'), 'new', 'headers are kept too');
    await send(gateway.url, 'DELETE', `/api/clients/${id}`);
    t.equal((await get(`/api/clients/${id}`)).status, 404, 'what is not there is not kept');
    t.notOk((await get(path)).body.data.some((record: { id: string }) => record.id === id));
  },
);

t.test('Q5: a store that keeps failing is left alone, named, and taken back when it answers', async (t) => {
  t.equal((await get('/api/companies')).status, 200);
  await proxy.refuse();
  const begun = performance.now();
  await until(async () => (await get('/api/companies')).body.error?.code === 'store-resting', {
    what: 'the breaker is open',
  });
  const resting = await post('/api/companies', { name: 'Société' });
  t.equal(resting.status, 503);
  t.match(resting.body.error, { code: 'store-resting', message: /"erp-legacy" has failed too often/ });
  t.ok(performance.now() - begun < 60_000);
  const failed = async () =>
    Number(
      /\{store="erp-legacy".*result="store-unreachable"\} (\d+)/.exec((await get('/metrics')).body)?.[1],
    );
  const atOpening = await failed();
  await until(async () => (await get('/api/companies')).status === 503 && (await failed()) > atOpening, {
    what: 'a trial has failed',
  });
  const health = await get('/health');
  t.equal(health.status, 503);
  t.match(health.body, {
    status: 'degraded',
    databases: { 'erp-legacy': 'disconnected', postgresql: 'connected' },
    resting: ['store erp-legacy'],
  });
  await proxy.pass();
  await until(async () => (await get('/api/companies')).status === 200, { what: 'the store is taken back' });
  t.equal((await post('/api/companies', { name: 'Société' })).status, 201);
  const told = () =>
    gateway
      .output()
      .split('\n')
      .flatMap((line) => (line.includes('"breaker"') ? [JSON.parse(line) as unknown] : []));
  await until(() => told().length > 1, { what: 'both are logged' });
  t.match(told(), [
    {
      store: 'erp-legacy',
      breaker: 'open',
      code: 'store-unreachable',
      reason: /cannot be reached/,
      msg: /left alone/,
    },
    { store: 'erp-legacy', breaker: 'closed', open: Number, msg: 'store "erp-legacy" answers again' },
  ]);
  t.equal(told().length, 2, 'once each, whatever trials came between');
  t.equal((await get('/health')).body.resting, undefined);
});

t.test('Q5: a read is tried again after a connection broke, and the client does not notice', async (t) => {
  for (let n = 0; n < 5; n += 1) {
    proxy.reset();
    t.equal((await get('/api/companies')).status, 200);
  }
});

t.test('N7, Q5: health, life, readiness and figures of every store', async (t) => {
  const health = await get('/health');
  t.equal(health.status, 200);
  t.match(health.body, {
    status: 'ok',
    databases: { postgresql: 'connected', 'erp-legacy': 'connected' },
    timestamp: /^\d{4}-\d\d-\d\dT/,
  });
  for (const prefix of ['', '/_banyan']) {
    t.same((await get(`${prefix}/live`)).body, { status: 'live' });
    t.same((await get(`${prefix}/ready`)).body, { status: 'ready' });
    t.equal((await get(`${prefix}/health`)).status, 200);
  }
  const { body, headers } = await get('/metrics');
  t.match(headers.get('content-type'), /^text\/plain; version=0\.0\.4/);
  const figure = (pattern: RegExp) => Number(pattern.exec(body)?.[1] ?? NaN);
  t.ok(
    figure(
      /banyan_store_requests_total\{store="erp-legacy",kind="supabase",operation="read",result="ok"\} (\d+)/,
    ) > 5,
  );
  t.ok(
    figure(/banyan_store_requests_total\{store="new",kind="prisma",operation="write",result="ok"\} (\d+)/) >
      0,
  );
  t.ok(figure(/banyan_store_requests_total\{store="erp-legacy",.*result="store-resting"\} (\d+)/) > 0);
  t.ok(
    figure(
      /banyan_store_request_seconds_total\{store="erp-legacy",.*operation="read",result="ok"\} ([\d.]+)/,
    ) > 0,
  );
  t.ok(figure(/banyan_store_retries_total\{store="erp-legacy",kind="supabase"\} (\d+)/) > 0);
  t.equal(figure(/banyan_store_breaker_open\{store="erp-legacy",kind="supabase"\} (\d)/), 0);
  t.equal(figure(/banyan_requests_total\{route="\/api\/services",method="GET",status="429"\} (\d+)/), 1);
  t.notMatch(body, /sb_secret|postgresql:\/\//, 'no secret');
});

t.test('N1: the document of all routes is served, with a page for it', async (t) => {
  const { body } = await get('/openapi.json');
  t.equal(body.openapi, '3.1.0');
  t.same(
    Object.keys(body.paths).filter((path) => path.includes('clients')),
    [
      '/api/clients',
      '/api/clients/{id}',
      '/api/clients/batch',
      '/v1/clients',
      '/v1/clients/{id}',
      '/v1/clients/batch',
    ],
  );
  t.same(Object.keys(body.components.schemas.ClientV1.properties), ['id', 'label', 'email', 'tel', 'kind']);
  const page = await get('/docs/');
  t.equal(page.status, 200);
  t.match(page.body, /swagger-ui/);
  const script = /src="([^"]*swagger-ui-bundle\.js)"/.exec(page.body)?.[1] ?? '';
  t.equal(
    (await fetch(new URL(script, `${gateway.url}/docs/`))).status,
    200,
    'from here, not from the internet',
  );
  t.match(await (await fetch(`${gateway.url}/docs/static/swagger-initializer.js`)).text(), /openapi\.json/);
});

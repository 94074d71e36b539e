import { randomUUID } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { call } from '../cli/place.ts';
import { moveByFile, send } from '../harness/api.ts';
import { startGateway } from '../harness/gateway.ts';
import type { TestDatabase } from '../harness/postgres.ts';
import { NO_REDIS, startRedis } from '../harness/redis.ts';
import { until } from '../harness/wait.ts';
import { clientOf, FOLDER, startSqal } from './sqal/place.ts';

/** One place for all lines: samples move on from test to test, as they do in the real migration. */
const redis = NO_REDIS ? null : await startRedis(t);
const sqal = await startSqal(t, 3_000, redis ? { REDIS_URL: redis.url } : {});
const [organisation] = sqal.data.organisations;
const device = organisation?.devices[0] as string;
const ingest = await sqal.client(['device']);
const analyst = await sqal.client(['analyst']);
const admin = await sqal.client(['admin']);

const move = async (resource: string, mode: string) =>
  await moveByFile(sqal.config, sqal.new, resource, mode);

/** Samples of one device, a second apart, from a moment on. */
function samplesFrom(start: string, count: number): Record<string, unknown>[] {
  return Array.from({ length: count }, (_, n) => ({
    deviceId: device,
    takenAt: new Date(Date.parse(start) + n * 1_000).toISOString(),
    temperature: 20 + (n % 50) / 10,
    quality: 'high',
  }));
}

async function count(side: TestDatabase, from = '2026-06-01', to = '2100-01-01'): Promise<number> {
  const [table, column] = side === sqal.new ? ['sensor_samples', 'taken_at'] : ['sensor_data', 'ts'];
  const text = `SELECT count(*)::int AS n FROM ${table} WHERE ${column} >= $1 AND ${column} < $2`;
  return (await side.query<{ n: number }>(text, [from, to]))[0]?.n ?? -1;
}

/** Rows of both sides in the same words, to be compared by value. */
async function rowsOf(side: TestDatabase): Promise<unknown[]> {
  const columns = (names: string) => `SELECT ${names} ORDER BY 1`;
  return await side.query(
    side === sqal.new
      ? columns(`id, organisation_id AS org, device_id, taken_at AS at, temperature::text AS temp, humidity::text,
                 quality, spectrum, features, score, explanation FROM sensor_samples`)
      : columns(`sample_id AS id, org_id AS org, device_id, ts AS at, temp::text, humidity::text,
                 quality, spectrum, ml_features AS features, ml_score AS score, ml_explanation AS explanation
                 FROM sensor_data`),
  );
}

t.test(
  'Q2: a message is validated by the schema of its route, and a bad one spares the good ones',
  async (t) => {
    const one = await ingest.post('/v2/samples', {
      deviceId: device,
      takenAt: 'yesterday',
      temperature: 500,
    });
    t.equal(one.status, 400);
    t.equal(one.body.error.code, 'message-invalid');
    t.same(one.body.error.details.map(({ field }: { field: string }) => field).sort(), [
      'takenAt',
      'temperature',
    ]);
    const batch = await ingest.post('/v2/samples/batch', [
      ...samplesFrom('2026-06-01T00:00:00Z', 2),
      {
        deviceId: device,
        takenAt: '2026-06-01T00:00:00Z',
        temperature: 20,
        spectrum: { channels: [1, 'two'] },
      },
      { deviceId: randomUUID(), takenAt: '2026-06-01T00:00:00Z', temperature: 20 },
      { ...samplesFrom('2026-06-01T00:00:05Z', 1)[0], organisationId: sqal.data.organisations[1]?.id },
    ]);
    t.equal(batch.status, 207);
    t.equal(batch.body.accepted, 2);
    t.same(batch.body.items.map(({ status }: { status: number }) => status).slice(0, 2), [201, 201]);
    t.match(batch.body.items[2].error.details, [
      { field: 'spectrum.channels[1]', message: 'must be number' },
    ]);
    t.ok(batch.body.items[3].status >= 400, 'a device that does not exist');
    t.ok(batch.body.items[4].status >= 400, 'a sample for another organisation');
    t.equal(await count(sqal.legacy), 2);
    const all = await ingest.post('/v2/samples/batch?atomic=true', [
      ...samplesFrom('2026-06-02T00:00:00Z', 2),
      { deviceId: device },
    ]);
    t.equal(all.status, 400);
    t.equal(await count(sqal.legacy), 2, 'asked for all or nothing: nothing');
    const made = await ingest.post('/v2/samples/batch?atomic=true', samplesFrom('2026-06-02T00:00:00Z', 2));
    t.equal(made.status, 201, 'a side of hand-written SQL on Postgres can do it');
  },
);

t.test(
  'Q1: ingestion writes both stores, then reads move, then the old storage rests; each step is undone',
  async (t) => {
    for (const resource of ['organisations', 'devices', 'samples']) await move(resource, 'dual-write');
    const ingested = async (start: string) => {
      const answer = await ingest.post('/v2/samples/batch', samplesFrom(start, 50));
      t.equal(answer.status, 201, `50 samples from ${start}`);
      return answer;
    };
    await ingested('2026-07-01T00:00:00Z');
    await sqal.settled();
    t.equal(await count(sqal.new, '2026-07-01'), 50);
    t.equal(await count(sqal.legacy, '2026-07-01'), 50);
    const road = [
      ['shadow', 'legacy'],
      ['live', 'new'],
      ['new', 'new'],
      ['live', 'new'],
      ['shadow', 'legacy'],
      ['dual-write', 'legacy'],
      ['shadow', 'legacy'],
      ['live', 'new'],
    ] as const;
    // Parents go ahead on the way up, and are undone after their children.
    for (const mode of ['shadow', 'live'] as const)
      for (const name of ['organisations', 'devices']) await move(name, mode);
    let hour = 1;
    for (const [mode, side] of road) {
      await move('samples', mode);
      const { servedBy } = await ingested(`2026-07-01T${String(hour).padStart(2, '0')}:00:00Z`);
      t.equal(servedBy, side, `${mode}: written by ${side}`);
      const page = await analyst.get(`/v2/samples?deviceId=${device}&limit=1`);
      t.equal(page.servedBy, side, `${mode}: read from ${side}`);
      t.equal(
        page.body[0].takenAt,
        `2026-07-01T${String(hour).padStart(2, '0')}:00:49.000Z`,
        `${mode}: nothing is late`,
      );
      hour += 1;
    }
    await sqal.settled();
    t.equal(await count(sqal.new, '2026-07-01'), 50 * hour);
    t.same(await rowsOf(sqal.new), await rowsOf(sqal.legacy), 'every sample is on both sides, by value');
  },
);

t.test('Q3: many samples at once, and time-ordered reads by device and period', async (t) => {
  for (const side of ['new', 'legacy'] as const) {
    if (side === 'legacy') await move('samples', 'shadow');
    const day = side === 'new' ? '2026-08-01' : '2026-08-02';
    const end = side === 'new' ? '2026-08-02' : '2026-08-03';
    const lines = samplesFrom(`${day}T00:00:00Z`, 1_000).map((sample) => JSON.stringify(sample));
    const headers = { 'content-type': 'application/x-ndjson', 'idempotency-key': randomUUID() };
    const first = await ingest.post('/v2/samples/batch', lines.join('\n'), headers);
    t.equal(first.status, 201);
    t.equal(first.servedBy, side);
    t.equal(first.body.accepted, 1_000);
    const again = await ingest.post('/v2/samples/batch', lines.join('\n'), headers);
    t.same(again.body, first.body, `${side}: sent twice, ingested once`);
    await sqal.settled();
    t.equal(await count(sqal.legacy, day, end), 1_000, 'in legacy');
    t.equal(await count(sqal.new, day, end), 1_000, 'and in new');
    const scans = await scansOf(sqal[side]);
    const seen = await readPeriod(side, `${day}T00:00:00Z`, `${end}T00:00:00Z`);
    t.equal(seen.length, 1_000, `${side}: every sample of the period`);
    t.same(seen, [...new Set(seen)].sort().reverse(), `${side}: newest first, each once`);
    await until(async () => (await scansOf(sqal[side])) >= scans + 10, {
      what: `${side}: an index by time was used for each page`,
    });
  }
  await move('samples', 'live');
});

/** Moments of all samples of the device in a period, page by page. */
async function readPeriod(side: 'legacy' | 'new', from: string, to: string): Promise<string[]> {
  const seen: string[] = [];
  const period = `deviceId=${device}&takenAt[gte]=${from}&takenAt[lt]=${to}`;
  let cursor: string | null = null;
  do {
    const next: string = cursor ? `&cursor=${cursor}` : '';
    const page = await analyst.get(`/v2/samples?${period}&limit=100${next}`);
    if (page.servedBy !== side) throw new Error(`a page was read from ${page.servedBy}`);
    seen.push(...page.body.map(({ takenAt }: { takenAt: string }) => takenAt));
    cursor = page.headers.get('x-next-cursor');
  } while (cursor);
  return seen;
}

/** How often an index by time was used: by device, or by organisation, which every caller's reads are limited to. */
async function scansOf(side: TestDatabase): Promise<number> {
  const [row] = await side.query<{ n: number }>(
    `SELECT sum(idx_scan)::int AS n FROM pg_stat_user_indexes
     WHERE indexrelname IN ('sensor_data_by_device', 'sensor_samples_device_id_taken_at_id_idx',
                            'sensor_samples_organisation_id_taken_at_id_idx')`,
  );
  return row?.n ?? 0;
}

t.test(
  'Q4: samples are enriched without breaking old clients; models, jobs and predictions are there',
  async (t) => {
    const old = await ingest.post('/v1/samples', { device, recordedAt: '2026-09-01T00:00:00Z', temp: 21.5 });
    t.equal(old.status, 201);
    const { id } = old.body;
    const enriched = {
      features: { mean: 20.25, spectrum: [1, 2, { deep: null }] },
      score: 0.875,
      explanation: { top: ['temperature'], weights: { temperature: 0.9 } },
    };
    t.match((await ingest.send('PATCH', `/v2/samples/${id}`, enriched)).body, enriched);
    t.same((await analyst.get(`/v1/samples/${id}`)).body, old.body, 'the old client sees what it always saw');
    t.match((await analyst.get(`/v2/samples/${id}`)).body, { ...enriched, temperature: 21.5 });
    const model = await admin.post('/v2/models', { name: 'grader', version: '1.0', metrics: { f1: 0.93 } });
    t.equal(model.status, 201);
    const job = await admin.post('/v2/training-jobs', { modelId: model.body.id, parameters: { epochs: 5 } });
    t.equal(job.status, 201);
    t.equal(job.body.state, 'queued');
    for (const resource of ['models', 'training-jobs', 'predictions'])
      for (const mode of ['dual-write', 'shadow', 'live']) await move(resource, mode);
    const predictions = await analyst.post('/v2/predictions/batch', [
      { sampleId: id, modelId: model.body.id, value: 0.75, explanation: { because: 'warm' } },
      { sampleId: randomUUID(), modelId: model.body.id, value: 0.5 },
    ]);
    t.equal(predictions.body.accepted, 1);
    t.equal((await analyst.get(`/v2/predictions?sampleId=${id}`)).body[0].value, 0.75);
    await sqal.settled();
    const [legacy] = await sqal.legacy.query<{ value: number }>('SELECT value FROM ml_prediction');
    t.equal(legacy?.value, 0.75, 'legacy follows');
  },
);

t.test('Q5: health, metrics, limits, kept answers, and an orderly end', async (t) => {
  const health = await analyst.get('/health');
  t.match(health.body, { status: 'ok', databases: { 'sqal-legacy': 'connected', postgresql: 'connected' } });
  const metrics = (await analyst.get('/metrics')).body as string;
  t.match(
    metrics,
    /banyan_store_requests_total\{store="sqal-legacy",kind="sql",operation="write",result="ok"\} \d+/,
  );
  t.match(metrics, /banyan_store_breaker_open\{store="new",kind="prisma"\} 0/);
  t.equal((await ingest.get('/v2/samples?limit=1')).headers.get('x-ratelimit-limit'), '6000');
  await analyst.get('/v2/devices');
  t.equal((await analyst.get('/v2/devices')).headers.get('x-cache'), 'hit');
  const other = await sqal.client(['analyst'], 1);
  const theirs = await other.get('/v2/devices');
  t.equal(theirs.headers.get('x-cache'), 'miss', 'nobody gets what was kept for another organisation');
  t.notOk(theirs.body.some(({ id }: { id: string }) => id === device));

  const second = await startGateway(t, { config: sqal.config, env: sqal.env });
  const token = await sqal.issuer.token(
    { sub: 'load', organisation: organisation?.id, realm_access: { roles: ['device'] } },
    { audience: 'sqal' },
  );
  const writes = Array.from({ length: 20 }, async (_, n) =>
    clientOf(second.url, token).post('/v2/samples/batch', samplesFrom(`2026-10-${10 + n}T00:00:00Z`, 20)),
  );
  await writes[0];
  const stopped = second.stop();
  const answered = (await Promise.allSettled(writes)).flatMap((one) =>
    one.status === 'fulfilled' ? [one.value] : [],
  );
  t.equal(await stopped, 0, 'it ends in order');
  const done = answered.filter(({ status }) => status === 201).length;
  t.ok((await count(sqal.new, '2026-10-01', '2026-11-01')) >= done * 20, 'what was acknowledged is there');
});

t.test(
  'Q5: with Redis, a write through one process ends what another has kept',
  { skip: NO_REDIS },
  async (t) => {
    const second = await startGateway(t, { config: sqal.config, env: sqal.env });
    const token = async (roles: string[]) =>
      await sqal.issuer.token(
        { sub: 'two', organisation: organisation?.id, realm_access: { roles } },
        { audience: 'sqal' },
      );
    const there = clientOf(second.url, await token(['admin']));
    await there.get('/v2/devices');
    t.equal(
      (await admin.get('/v2/devices')).headers.get('x-cache'),
      'hit',
      'kept by one process, given by the other',
    );
    for (let n = 0; n < 20; n += 1) {
      const [writer, reader] = n % 2 === 0 ? [admin, there] : [there, admin];
      const made = await writer.post('/v2/devices', { serial: `R-${n}`, kind: 'thermometer' });
      t.equal(made.status, 201);
      const list = await reader.get('/v2/devices');
      t.ok(
        list.body.some(({ serial }: { serial: string }) => serial === `R-${n}`),
        `write ${n} is read at once`,
      );
    }
    const left = async (url: string) => {
      const { headers } = await clientOf(url, await token(['device'])).get('/v2/samples?limit=1');
      return Number(headers.get('x-ratelimit-remaining'));
    };
    const first = await left(sqal.gateway.url);
    t.equal(await left(second.url), first - 1, 'one caller is counted by all processes together');
    await redis?.kill();
    t.equal((await admin.get('/v2/devices')).status, 200, 'without Redis everything goes on');
    t.equal((await ingest.get('/v2/samples?limit=1')).status, 200, 'rate limits too');
    t.equal((await admin.post('/v2/devices', { serial: 'R-last', kind: 'thermometer' })).status, 201);
    t.ok((await there.get('/v2/devices')).body.some(({ serial }: { serial: string }) => serial === 'R-last'));
  },
);

t.test(
  'Q6: sign-in by the issuer, permissions by role, organisations as tenants, an audit log',
  async (t) => {
    const path = '/v2/samples?limit=1';
    t.equal((await send(sqal.gateway.url, 'GET', path)).status, 401);
    const bad = async (options: object) =>
      await clientOf(
        sqal.gateway.url,
        await sqal.issuer.token({ sub: 'x', organisation: organisation?.id }, options),
      ).get(path);
    t.equal((await bad({ audience: 'another' })).status, 401);
    t.equal((await bad({ audience: 'sqal', forged: true })).status, 401);
    t.equal((await bad({ audience: 'sqal', expiresIn: -60 })).status, 401);
    t.equal((await bad({ audience: 'sqal' })).status, 403, 'no role');
    const sample = (await analyst.get(path)).body[0];
    const other = await sqal.client(['device', 'admin'], 1);
    for (const [method, body] of [
      ['GET', undefined],
      ['PATCH', { quality: 'low' }],
      ['DELETE', undefined],
    ] as const)
      t.equal(
        (await other.send(method, `/v2/samples/${sample.id}`, body)).status,
        404,
        `${method} of another's sample`,
      );
    t.equal((await other.get(`/v1/samples/${sample.id}`)).status, 404, 'in every version');
    t.equal((await analyst.send('DELETE', `/v2/samples/${sample.id}`)).status, 403);
    t.equal((await analyst.post('/v2/samples/batch', samplesFrom('2026-11-01T00:00:00Z', 1))).status, 403);
    t.equal((await ingest.post('/v2/devices', { serial: 'X', kind: 'x' })).status, 403);
    await sqal.issuer.rotate();
    const renewed = await sqal.client(['admin']);
    const made = await until(
      async () => {
        const answer = await renewed.post('/v2/devices', {
          serial: `A-${randomUUID().slice(0, 8)}`,
          kind: 'x',
        });
        return answer.status === 201 ? answer : null;
      },
      { what: 'tokens of the new keys are taken' },
    );
    const log = await until(
      async () => {
        const rows = await sqal.new.query(`SELECT row_to_json(a)::text AS line FROM banyan.audit AS a`);
        return rows.map(({ line }) => String(line)).find((line) => line.includes(made.body.id));
      },
      { what: 'the audit log has the write' },
    );
    t.match(log, /admin-0/);
  },
);

t.test('Q7: /v1 and /v2 are served from the same data, and both are documented', async (t) => {
  const admin2 = await sqal.client(['admin', 'device']);
  const made = await admin2.post('/v2/samples', samplesFrom('2026-12-01T00:00:00Z', 1)[0]);
  const { id } = made.body;
  t.same((await admin2.get(`/v1/samples/${id}`)).body, {
    id,
    device,
    recordedAt: '2026-12-01T00:00:00.000Z',
    temp: 20,
    humidity: null,
    unit: 'celsius',
  });
  const old = await admin2.get(`/v1/samples?device=${device}&recordedAt[gte]=2026-12-01T00:00:00Z&limit=5`);
  t.same(
    old.body.map((one: { id: string }) => one.id),
    [id],
  );
  const batch = await admin2.post('/v1/samples/batch', [
    { device, recordedAt: '2026-12-01T00:00:01Z', temp: 1 },
    { device },
  ]);
  t.same(
    batch.body.items.map(({ status }: { status: number }) => status),
    [201, 400],
  );
  t.match(batch.body.items[1].error.details, [{ field: 'recordedAt' }, { field: 'temp' }]);
  const { paths, components } = (await send(sqal.gateway.url, 'GET', '/openapi.json')).body;
  for (const path of ['/v1/samples', '/v1/samples/batch', '/v2/samples', '/v2/predictions/{id}'])
    t.ok(paths[path], path);
  t.equal(
    components.securitySchemes.token.openIdConnectUrl,
    `${sqal.issuer.url}/.well-known/openid-configuration`,
  );
});

t.test('Q1: after validation the old storage is retired; from then on nothing goes there', async (t) => {
  const env = { ...sqal.env, BANYAN_CONFIG: sqal.config.file };
  const banyan = async (command: string) => await call(command.split(' '), env, FOLDER);
  const caller = await sqal.client(['admin', 'device']);
  await move('samples', 'live');
  await sqal.settled();
  t.match(await banyan('verify samples'), { exit: 0 }, 'validated');
  await move('samples', 'new');
  t.match(await banyan('retire samples --yes'), { exit: 0 });
  const before = await rowsOf(sqal.legacy);
  const { status, servedBy } = await caller.post('/v2/samples/batch', samplesFrom('2027-01-01T00:00:00Z', 5));
  t.same([status, servedBy], [201, 'new']);
  t.equal(await count(sqal.new, '2027-01-01'), 5);
  t.same(await sqal.new.query(`SELECT FROM banyan.mark WHERE resource = 'samples'`), [], 'nothing is marked');
  t.same(await rowsOf(sqal.legacy), before);
  for (const version of ['v1', 'v2']) {
    const { body } = await caller.get(`/${version}/samples?limit=1`);
    t.equal(body.length, 1, `${version} reads on`);
  }
  t.match(await banyan('rollback samples --yes'), { exit: 3, out: /retired/ }, 'and there is no way back');
});

t.test('Q8: no secret is in the repository, and there is a deployment', async (t) => {
  const names = (await readdir(FOLDER, { recursive: true, withFileTypes: true })).filter((entry) =>
    entry.isFile(),
  );
  t.notOk(names.some(({ name }) => name === '.env'));
  const compose = await readFile(join(FOLDER, 'docker-compose.yml'), 'utf8');
  const example = await readFile(join(FOLDER, '.env.example'), 'utf8');
  const routes = await readFile(join(FOLDER, 'routes.config.yaml'), 'utf8');
  for (const name of compose.matchAll(/\$\{(\w+)/g))
    t.match(example, new RegExp(`^${name[1]}=`, 'm'), `${name[1]} is explained`);
  for (const line of example.split('\n').filter((text) => /^\w*(PASSWORD|SECRET|KEY|TOKEN)\w*=/.test(text)))
    t.match(line, /=$/, 'a secret has no value here');
  for (const text of [compose, example, routes])
    t.notMatch(text, /:\/\/[^/\s$]*:[^@/\s$]+@/, 'no password in a URL');
});

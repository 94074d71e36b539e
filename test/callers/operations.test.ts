import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { resolve } from 'node:path';
import t from 'tap';
import { configHash } from '../../src/config/load.ts';
import { modeOf, moveByFile, send } from '../harness/api.ts';
import { claimPort } from '../harness/port.ts';
import { ROOT } from '../harness/postgres.ts';
import { until } from '../harness/wait.ts';
import { call } from '../cli/place.ts';
import { startCallers } from './place.ts';
import { startService } from './service.ts';

const modules = resolve(ROOT, 'test/callers/operations');

/** The compliance engine as a service. */
const service = await startService(t);
const serviceUrl = service.url;

/** Where nobody listens yet. */
const settlePort = await claimPort();
const settleUrl = `http://127.0.0.1:${settlePort}`;

const TENANTS = [
  [
    /(path: \/api\/companies\n    mode: legacy\n)/,
    '$1    tenant: { field: sector, claim: org }\n    audit: true\n',
  ],
  [/(path: \/api\/leads\n    mode: legacy\n)/, '$1    tenant: { field: source, claim: org }\n'],
] as const;

const place = await startCallers(
  t,
  TENANTS,
  `  score:
    path: /api/v1/compliance/:rule/score
    method: POST
    mode: legacy
    safe: true
    legacy: { module: ${modules}/score.ts }
    new: { upstream: '\${SCORE_URL}', timeout: 2s }
    compare: { ignore: [at] }
  quote:
    path: /api/v1/quote
    method: POST
    mode: legacy
    legacy: { module: ${modules}/score.ts }
    rateLimit: { max: 1, window: 1h, by: 'claim:sub' }
  rate:
    path: /api/v1/rate
    method: GET
    mode: new
    new: { upstream: '\${SCORE_URL}', retry: { attempts: 2, pause: 5ms } }
  book:
    path: /api/v1/book
    method: POST
    mode: new
    new: { upstream: '\${SCORE_URL}', retry: { attempts: 2, pause: 5ms } }
  settle:
    path: /api/v1/settle
    method: POST
    mode: new
    new: { upstream: '\${SETTLE_URL}', retry: { pause: 5ms }, breaker: { failures: 2, rest: 300ms } }
  adopt-lead:
    path: /api/companies/:id/adopt
    method: POST
    module: ${modules}/adopt-lead.ts
    resources: [companies, leads]
`,
  { SCORE_URL: serviceUrl, SETTLE_URL: settleUrl },
);
const { gateway, config, sides } = place;
const ada = await place.as({ sub: 'ada', org: 'acme' });
const score = async (amount: unknown = 5) =>
  await ada('POST', '/api/v1/compliance/k%2Fyc/score?strict=1', { amount });

/** Saves the file with the operation in another mode, and waits until it is in force. */
async function setMode(mode: string): Promise<void> {
  await config.write(config.text.replace(/(compliance\/:rule\/score\n.*\n    mode: )\w+/, `$1${mode}`));
  const hash = configHash(config.text);
  const inForce = async () =>
    (await sides.new.query('SELECT hash FROM banyan.replica_file'))[0]?.hash === hash;
  await until(inForce, { what: `score is in mode ${mode}`, every: 50 });
}

/** What `banyan status` says of the operation, once so many answers were compared. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any
async function compared(n: number): Promise<any> {
  const counted = async () => {
    const rows = await sides.new.query<{ n: string }>(
      `SELECT sum(compared) AS n FROM banyan.comparison WHERE resource = 'operation:score'`,
    );
    return Number(rows[0]?.n) >= n;
  };
  await until(counted, { what: `${n} comparisons`, every: 50 });
  const env = {
    ...sides.env,
    OIDC_ISSUER: place.issuer.url,
    SCORE_URL: serviceUrl,
    SETTLE_URL: settleUrl,
    BANYAN_CONFIG: config.file,
  };
  const { out } = await call(['status', '--json'], env, ROOT);
  return (JSON.parse(out) as { operations: unknown[] }).operations[0];
}

const LOCAL = { rule: 'k/yc', risk: 'low', for: 'ada', at: 'module' };

t.test(
  'N4: a local module answers first, then both are compared, then the service, at the same URL',
  async (t) => {
    const first = await score();
    t.match([first.status, first.body, first.servedBy], [200, LOCAL, 'legacy']);
    t.equal(service.asked.length, 0);

    await setMode('shadow');
    service.answer = { status: 200, body: JSON.stringify({ ...LOCAL, risk: 'middling' }) };
    t.same((await score()).body, LOCAL, 'the client gets what he always got');
    const operation = await compared(1);
    t.match(operation, { comparisons: { compared: 1, differed: 1 }, differences: { open: 1 } });
    t.match(operation.differences.first[0], { kind: 'different', fields: ['risk'] });

    service.answer = { status: 200, body: JSON.stringify({ ...LOCAL, for: 'bob' }) };
    const bob = await place.as({ sub: 'bob', org: 'acme' });
    await bob('POST', '/api/v1/compliance/k%2Fyc/score?strict=1', { amount: 5 });
    t.match(
      (await compared(2)).differences,
      { open: 1 },
      'what another caller is told settles nothing of hers',
    );

    service.answer = { status: 500, body: '{}' };
    t.same((await score(7)).body, LOCAL, 'nor does he notice that the service fails');
    t.match((await compared(3)).differences, { open: 2, first: [{}, {}] });

    service.answer = { status: 200, body: JSON.stringify({ ...LOCAL, at: 'service' }) };
    await score();
    await score(7);
    t.match(
      await compared(5),
      { comparisons: { compared: 5, differed: 2 }, differences: { open: 0 } },
      'settled',
    );

    await setMode('new');
    const last = await score();
    t.match([last.status, last.body, last.servedBy], [200, { ...LOCAL, at: 'service' }, 'new']);
    const asked = service.asked.at(-1);
    t.equal(asked?.url, '/engine/api/v1/compliance/k%2Fyc/score?strict=1', 'path and query as they came');
    t.match(asked?.request.headers, { authorization: /^Bearer /, 'x-request-id': /.+/ });
    t.equal(asked?.body, '{"amount":5}');
  },
);

t.test('N4: what the service refuses is its word, and what it breaks has a name', async (t) => {
  await setMode('new');
  const refusal = { code: 'unknown-rule', hint: 1 };
  service.answer = { status: 422, body: JSON.stringify(refusal) };
  const refused = await score();
  t.same([refused.status, refused.body], [422, refusal]);
  for (const [answer, code, status] of [
    [{ status: 500, body: 'a stack' }, 'service-failed', 502],
    [{ status: 200, body: '<html>' }, 'service-failed', 502],
    [{ status: 0, body: '' }, 'upstream-unreachable', 502],
  ] as const) {
    service.answer = answer;
    const failed = await score();
    t.match([failed.status, failed.body.error.code], [status, code]);
    t.notMatch(JSON.stringify(failed.body), 'a stack');
  }
  await setMode('legacy');
  t.same((await score()).body, LOCAL, 'and the way back is one word too');
  t.match((await score('much')).body.error, { code: 'validation-failed' });
});

/** A figure of a service, by what `/metrics` says. */
async function figure(name: string, operation: string): Promise<number> {
  const { body } = await send(gateway.url, 'GET', '/_banyan/metrics');
  const line = new RegExp(`^banyan_service_${name}\\{operation="${operation}",side="new"\\} (\\d+)$`, 'm');
  return Number(line.exec(String(body))?.[1]);
}

t.test('Q5: a service is asked again only where that does no harm, and never after an answer', async (t) => {
  const asked = async (method: string, path: string, drops: number, status = 200) => {
    service.drops = drops;
    service.answer = { status, body: '{"rate":1}' };
    const before = service.asked.length;
    const answer = await ada(method, path, method === 'POST' ? {} : undefined);
    return [answer.status, answer.body.error?.code, service.asked.length - before];
  };
  t.same(await asked('GET', '/api/v1/rate', 2), [200, undefined, 3]);
  t.same(await asked('GET', '/api/v1/rate', 3), [502, 'upstream-unreachable', 3]);
  t.same(await asked('GET', '/api/v1/rate', 0, 503), [502, 'service-failed', 1]);
  t.same(await asked('POST', '/api/v1/book', 1), [504, 'outcome-unknown', 1], 'it may have been booked');
  t.equal(await figure('retries_total', 'rate'), 4);
  t.equal(await figure('retries_total', 'book'), 0);
});

t.test('Q5: a service that is not there is asked again, left alone, and taken back', async (t) => {
  const settle = async () => await ada('POST', '/api/v1/settle', {});
  t.match((await settle()).body.error, { code: 'upstream-unreachable' });
  t.equal(await figure('retries_total', 'settle'), 2, 'nothing was sent, so that a POST is tried again too');
  t.equal(await figure('breaker_open', 'settle'), 0, 'three attempts are one failure');
  await until(async () => (await settle()).body.error?.code === 'upstream-resting', { what: 'it rests' });
  const settled = createServer((_request, response) => response.end('{"settled":true}'));
  await new Promise<void>((done) => settled.listen(settlePort, '127.0.0.1', done));
  t.teardown(() => void settled.close().closeAllConnections());
  await until(async () => (await settle()).status === 200, { what: 'it is taken back' });
  t.same((await settle()).body, { settled: true });
  t.equal(await figure('breaker_open', 'settle'), 0);
  const told = () => gateway.output().match(/.*"operation":"settle".*"breaker".*/g) ?? [];
  await until(() => told().length > 1, { what: 'both are logged' });
  t.match(told(), [/"breaker":"open".*cannot be reached/, /"breaker":"closed"/]);
});

t.test('an operation without a token is refused before anything runs', async (t) => {
  const answer = await send(gateway.url, 'POST', '/api/v1/compliance/x/score', { amount: 1 });
  t.match([answer.status, answer.body.error.code], [401, 'token-missing']);
});

t.test('an operation may have a rate limit of its own', async (t) => {
  const quote = async (of: typeof ada) => await of('POST', '/api/v1/quote', { amount: 1 });
  t.equal((await quote(ada)).status, 200);
  t.match((await quote(ada)).body.error, {
    code: 'rate-limited',
    message: /operation:quote takes 1 requests/,
  });
  t.equal((await quote(await place.as({ sub: 'bob', org: 'acme' }))).status, 200, 'of each caller');
});

interface Pair {
  company: string;
  lead: string;
}

async function pair(of = ada): Promise<Pair> {
  const company = await of('POST', '/api/companies', { name: 'c' });
  const lead = await of('POST', '/api/leads', { name: 'l' });
  return { company: company.body.data.id, lead: lead.body.data.id };
}

const adopt = async ({ company, lead }: Pair, more: object = {}, headers?: Record<string, string>) =>
  await ada('POST', `/api/companies/${company}/adopt`, { lead, ...more }, headers);

for (const mode of ['legacy', 'live']) {
  t.test(`in mode ${mode} a handler works on its caller's records, and no others`, async (t) => {
    for (const resource of ['companies', 'leads']) {
      for (const next of mode === 'legacy' ? [] : ['dual-write', 'shadow', 'live'])
        await moveByFile(config, sides.new, resource, next);
      t.equal(await modeOf(sides.new, resource), mode);
    }
    const bob = await place.as({ sub: 'bob', org: 'globex' });
    const [mine, theirs] = [await pair(), await pair(bob)];
    const done = await adopt(mine, {}, { 'idempotency-key': `adopt-${mode}` });
    t.equal(done.status, 200, JSON.stringify(done.body));
    const side = mode === 'legacy' ? 'legacy' : 'new';
    t.match(done.body.data, {
      employees: 1,
      leads: 1,
      by: 'ada',
      key: `adopt-${mode}`,
      side,
      transaction: side === 'new',
    });
    t.notMatch(done.body.data.seenInLegacy, ['globex'], 'also on a side that he asks for by name');
    const again = await adopt(mine, {}, { 'idempotency-key': `adopt-${mode}` });
    t.same(again.body, done.body, 'a repeat gets the same answer');
    t.equal((await ada('GET', `/api/companies/${mine.company}`)).body.data.employees, 1, 'and is done once');

    const foreign = await adopt({ company: theirs.company, lead: mine.lead });
    t.match([foreign.status, foreign.body.error.code], [404, 'not-found']);
    const lead = await adopt({ company: mine.company, lead: theirs.lead });
    t.match([lead.status, lead.body.error.code], [404, 'not-found']);
    t.match((await bob('GET', `/api/leads/${theirs.lead}`)).body.data, { companyId: null });
    const stranger = await place.as({ sub: 'eve' });
    const none = await stranger('POST', `/api/companies/${mine.company}/adopt`, { lead: mine.lead });
    t.match([none.status, none.body.error.code], [403, 'claim-missing']);
  });
}

t.test('on the new side a failure undoes all of it', async (t) => {
  const mine = await pair();
  t.match((await adopt(mine, { fail: true })).body.error, { code: 'constraint-violated' });
  t.match((await ada('GET', `/api/leads/${mine.lead}`)).body.data, { companyId: null });
  t.match((await ada('GET', `/api/companies/${mine.company}`)).body.data, { employees: null });
  const audited = await sides.new.query(
    `SELECT action FROM banyan.audit WHERE details->>'key' = $1 ORDER BY id`,
    [mine.company],
  );
  t.same(audited, [{ action: 'record-created' }], 'nor is it in the audit log');
});

/** A moment at which a handler waits: it has come there, and goes on when it is let. */
async function gate() {
  let arrived = () => {};
  let open = () => {};
  const reached = new Promise<void>((done) => (arrived = done));
  const opened = new Promise<void>((done) => (open = done));
  const waiting = createServer((_request, response) => {
    arrived();
    void opened.then(() => response.end());
  });
  await new Promise<void>((done) => waiting.listen(0, '127.0.0.1', done));
  const url = `http://127.0.0.1:${(waiting.address() as AddressInfo).port}`;
  return { url, reached, open, close: () => void waiting.close().closeAllConnections() };
}

for (const when of ['before', 'between'] as const) {
  t.test(
    `an operation that a switch overtakes ${when} its writes is done once, and as a whole`,
    async (t) => {
      for (const resource of ['companies', 'leads'])
        if ((await modeOf(sides.new, resource)) === 'live')
          await moveByFile(config, sides.new, resource, 'shadow');
      const mine = await pair();
      const stop = await gate();
      t.teardown(stop.close);
      const running = adopt(mine, { wait: { when, url: stop.url } });
      await stop.reached;
      for (const resource of ['companies', 'leads']) await moveByFile(config, sides.new, resource, 'live');
      stop.open();
      const done = await running;
      t.equal(done.status, 200, JSON.stringify(done.body));
      // What has written nothing begins anew where the records are now; what has goes on there.
      t.equal(done.servedBy, when === 'before' ? 'new' : 'legacy');
      t.match((await ada('GET', `/api/companies/${mine.company}`)).body.data, { employees: 1 });
      t.match((await ada('GET', `/api/leads/${mine.lead}`)).body.data, { companyId: mine.company });
    },
  );
}

t.test(
  'in mode merged a record of legacy comes to new with the rest of the transaction, or not at all',
  async (t) => {
    for (const resource of ['companies', 'leads'])
      for (const mode of ['shadow', 'dual-write', 'legacy'])
        await moveByFile(config, sides.new, resource, mode);
    const pairs = [await pair(), await pair()] as const;
    // What was copied before is as if it had never been.
    await sides.new.query('DELETE FROM leads; DELETE FROM companies; DELETE FROM banyan.mark');
    for (const resource of ['companies', 'leads']) await moveByFile(config, sides.new, resource, 'merged');
    const inNew = async (table: string, id: string) =>
      (await sides.new.query(`SELECT 1 FROM ${table} WHERE id = $1`, [id])).length === 1;

    const [undone, whole] = pairs;
    t.match((await adopt(undone, { fail: true })).body.error, { code: 'constraint-violated' });
    t.match((await ada('GET', `/api/leads/${undone.lead}`)).body.data, { companyId: null });
    t.match((await ada('GET', `/api/companies/${undone.company}`)).body.data, { employees: null });

    const done = await adopt(whole);
    t.match([done.status, done.body.data], [200, { employees: 1, side: 'new' }]);
    t.equal(done.body.data.leads, 1, 'its lists and totals have what it has written itself');
    t.same([await inNew('leads', whole.lead), await inNew('companies', whole.company)], [true, true]);
    t.match((await ada('GET', `/api/leads/${whole.lead}`)).body.data, { companyId: whole.company });

    const bob = await place.as({ sub: 'bob', org: 'globex' });
    const theirs = await adopt({ company: whole.company, lead: (await pair(bob)).lead });
    t.equal(theirs.body.error?.code, 'not-found');
  },
);

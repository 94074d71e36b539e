import { resolve } from 'node:path';
import pg from 'pg';
import t from 'tap';
import { configHash } from '../../src/config/load.ts';
import { WRONG_FILES, wrongText } from '../config/wrong-files.ts';
import { modeOf, moveByFile, send } from '../harness/api.ts';
import { startGateway, testConfig } from '../harness/gateway.ts';
import { ROOT } from '../harness/postgres.ts';
import { createTwoSides } from '../harness/two-sides.ts';
import { until } from '../harness/wait.ts';
import { type Shot, startLoad } from './steady-load.ts';
import { begin, bodyOf, startUpstream } from './upstream.ts';

/** A busy machine must not look like a store that fails. */
const PATIENT = [
  [/timeout: [12]s\n    deadline: [36]s/g, 'timeout: 7s\n    deadline: 15s'],
  [/statementTimeout: 2s/, 'statementTimeout: 7s'],
] as const;

const upstream = await startUpstream(t, 'upstream');
const sides = await createTwoSides(t, { scale: 0.002 });
const config = await testConfig(t, PATIENT);
const gateway = await startGateway(t, { config, env: { ...sides.env, LEGACY_API_URL: upstream.url } });
const RIGHT = config.text;

interface NotedFile {
  hash: string;
  problems: string[] | null;
}

// Asked again and again, so over a connection that is kept.
const control = new pg.Client({ connectionString: sides.new.url });
await control.connect();
t.teardown(() => control.end());

async function notedFile(): Promise<NotedFile | undefined> {
  const { rows } = await control.query<NotedFile>('SELECT hash, problems FROM banyan.replica_file');
  return rows[0];
}

/** Saves a text and waits until the control database knows what the gateway made of it. */
async function save(text: string): Promise<NotedFile> {
  await config.write(text);
  const hash = configHash(text);
  return await until(
    async () => {
      const file = await notedFile();
      return file?.hash === hash ? file : null;
    },
    { what: 'the gateway has read its file' },
  );
}

const [{ id: client } = { id: '' }] = await sides.legacy.database.query<{ id: string }>(
  'SELECT id FROM clients',
);
let serial = 0;
const good = (status: number, body: string) => (status < 300 ? undefined : body);

const LIST = (): Shot => ({ method: 'GET', path: '/api/clients?limit=3', check: good });
const DETAIL = (): Shot => ({ method: 'GET', path: `/api/clients/${client}`, check: good });
const PASSED = (): Shot => ({
  method: 'GET',
  path: '/elsewhere',
  check: (_status, body) => (body === 'upstream' ? undefined : body),
});
const CREATE = (): Shot => ({
  method: 'POST',
  path: '/api/companies',
  body: { name: `Société ${(serial += 1)}`, siret: String(serial).padStart(14, '5') },
  check: good,
});
const MIX = [PASSED, DETAIL, PASSED, LIST, PASSED, DETAIL, PASSED, CREATE, PASSED, PASSED] as const;

t.test(
  'one wrong file after another changes nothing, fails no request, and is answered line by line',
  async (t) => {
    const { pagination } = (await send(gateway.url, 'GET', '/api/services')).body;
    let turn = 0;
    const load = startLoad(t, gateway.url, () => (MIX[(turn += 1) % MIX.length] as () => Shot)());
    // Every second one; those that are wrong by their environment need another process.
    const wrongFiles = WRONG_FILES.filter(({ environment }) => !environment).filter(
      (_, index) => index % 2 === 0,
    );
    t.ok(wrongFiles.length >= 40, `${wrongFiles.length} wrong files`);
    for (const wrong of wrongFiles) {
      const text = wrongText(wrong)
        .replace('../../prisma/schema.prisma', resolve(ROOT, 'prisma/schema.prisma'))
        .replace('module: base-file.ts', `module: ${resolve(ROOT, 'test/config/base-file.ts')}`);
      const { problems } = await save(text);
      const [line, column] = wrong.at;
      const place = `${config.file}:${line}:${column}  `;
      const reported = problems?.find((problem) => problem.startsWith(place)) ?? '';
      t.ok(
        reported.includes(`found ${wrong.found}; expected ${wrong.expected}`),
        `${wrong.name}: ${reported}`,
      );
      await until(() => gateway.output().includes(JSON.stringify(reported)), {
        what: 'the log says the same',
      });
    }
    await load.stop();
    t.same(load.failures, [], `of ${load.count()} requests none failed`);
    t.same(
      (await send(gateway.url, 'GET', '/api/services')).body.pagination,
      pagination,
      'the one before is in force',
    );
    const seen = gateway.output();
    for (const secret of [sides.legacy.key, 'hunter2', 'eyJhbGci'])
      t.notOk(seen.includes(secret), 'no secret is logged');
    t.equal((await save(RIGHT)).problems, null, 'the right one again: nothing is wrong any more');
  },
);

const MOVED = RIGHT.replace('path: /api/clients', 'path: /api/customers')
  .replace('pageSize: 50', 'pageSize: 7')
  .replace('path: /api/services', 'path: /api/offers');

t.test('a right file comes into force at once and as a whole: no request sees half of two', async (t) => {
  // What answers with which page size; `upstream` is what no resource has.
  const allowed: Record<string, readonly (number | 'upstream')[]> = {
    '/api/clients': [50, 'upstream'],
    '/api/customers': [7, 'upstream'],
  };
  const paths = Object.keys(allowed);
  const seen = new Set<string>();
  let turn = 0;
  const limitOf = (body: string) =>
    body === 'upstream' ? body : (JSON.parse(body) as { pagination?: { limit: number } }).pagination?.limit;
  const load = startLoad(t, gateway.url, () => {
    const path = paths[(turn += 1) % paths.length] as string;
    return {
      method: 'GET',
      path,
      check: (status, body) => {
        const limit = limitOf(body);
        seen.add(`${path} ${limit}`);
        return status === 200 && allowed[path]?.includes(limit as number) ? undefined : body.slice(0, 200);
      },
    };
  });
  const statusOf = async (path: string) => (await send(gateway.url, 'GET', path)).headers.has('x-served-by');
  for (let round = 0; round < 3; round += 1) {
    for (const [text, first, second] of [
      [MOVED, '/api/customers', '/api/offers'],
      [RIGHT, '/api/clients', '/api/services'],
    ] as const) {
      await config.write(text);
      await until(async () => await statusOf(first), { what: `${first} is served`, every: 1 });
      t.ok(await statusOf(second), 'who sees one resource at its new place sees the other there too');
    }
  }
  await load.stop();
  t.same(load.failures, [], `of ${load.count()} requests none saw half`);
  t.ok(seen.size === 4, 'and both were seen at both places');
});

/** Begins a request whose body stays open; the rest is sent by the function that is returned. */
function openUpload(method: string, path: string, body: object) {
  const text = JSON.stringify(body);
  let finish: () => void = () => undefined;
  const answer = begin(
    gateway.url + path,
    { method, headers: { 'content-type': 'application/json' } },
    (request) => {
      request.write(text.slice(0, 5));
      finish = () => request.end(text.slice(5));
    },
  );
  return { answer, finish: () => finish() };
}

t.test('a request that began under a configuration ends under it', async (t) => {
  await save(RIGHT);
  const before = [
    openUpload('POST', '/api/clients', { name: 'Under way', email: `under.way@example.fr` }),
    openUpload('POST', '/api/leads', { name: 'Under way', email: 'lead.under.way@example.fr' }),
  ];
  // Both are at the gateway once a later one on a connection of its own has been answered.
  await send(gateway.url, 'GET', '/api/clients');
  const withoutLeads = MOVED.replace(/\n {2}leads:\n(?: {4}.*\n| {6}.*\n)+/, '\n');
  t.notSame(withoutLeads, MOVED);
  await save(withoutLeads);
  t.equal(
    (await send(gateway.url, 'GET', '/api/leads')).body,
    'upstream',
    'a resource that is gone is passed through',
  );
  t.equal((await send(gateway.url, 'GET', '/api/clients')).body, 'upstream', 'one that has moved as well');
  for (const { answer, finish } of before) {
    finish();
    const response = await answer;
    t.equal(response.statusCode, 201, (await bodyOf(response)).toString());
  }
  await save(RIGHT);
  const listed = await send(gateway.url, 'GET', '/api/leads?email=lead.under.way@example.fr');
  t.same(
    [listed.status, listed.body.data.length],
    [200, 1],
    'a resource that is named again is served again',
  );
});

t.test('a resource that is new in the file is served, with its table, rows and triggers', async (t) => {
  const onlyFour = RIGHT.replace(/\n {2}companies:\n(?: {4}.*\n| {6}.*\n)+/, '\n');
  const fresh = await createTwoSides(t);
  const own = await testConfig(t, PATIENT);
  await own.write(onlyFour);
  const other = await startGateway(t, { config: own, env: fresh.env });
  t.not((await send(other.url, 'GET', '/api/companies')).servedBy, 'legacy', 'at first it is not there');
  await own.write(RIGHT);
  const made = await until(
    async () => {
      const answer = await send(other.url, 'POST', '/api/companies', {
        name: 'New',
        siret: '12345678901234',
      });
      return answer.status === 201 ? answer : null;
    },
    { what: 'companies are served' },
  );
  t.equal(made.servedBy, 'legacy');
  await moveByFile(own, fresh.new, 'companies', 'dual-write');
  const { id } = made.body.data;
  t.equal((await send(other.url, 'PATCH', `/api/companies/${id}`, { name: 'Moved' })).status, 200);
  await until(
    async () => (await fresh.new.query('SELECT 1 FROM companies WHERE name = $1', ['Moved'])).length === 1,
    {
      what: 'it can go its road',
    },
  );
});

t.test('an edit of one resource disturbs no write of another', async (t) => {
  await save(RIGHT);
  await moveByFile(config, sides.new, 'companies', 'dual-write');
  const dual = config.text;
  const load = startLoad(t, gateway.url, CREATE, 50);
  for (let edit = 0; edit < 6; edit += 1) {
    const filters = edit % 2 === 0 ? 'filters: [name]' : 'filters: [name, email]';
    await save(dual.replace('filters: [name, email, siret, status]', filters));
    const asked = await send(gateway.url, 'GET', '/api/clients?email=x@y.fr');
    t.equal(asked.status, edit % 2 === 0 ? 400 : 200, 'the edit is in force');
  }
  await load.stop();
  t.same(load.failures, [], `of ${load.count()} writes none failed`);
  await until(async () => (await sides.new.query('SELECT 1 FROM banyan.mark')).length === 0, {
    what: 'no mark is left',
  });
  const count = 'SELECT count(*)::int AS n FROM companies WHERE siret LIKE $1';
  const [legacy] = await sides.legacy.database.query(count, ['5%']);
  await save(RIGHT);
  await until(async () => (await modeOf(sides.new, 'companies')) === 'legacy', { what: 'it is back' });
  t.ok((legacy as { n: number }).n >= load.count());
});

t.test(
  'a right file and a wrong one right after it: the first is in force, the second is reported',
  async (t) => {
    const next = RIGHT.replace('pageSize: 50', 'pageSize: 11');
    await config.write(next);
    await until(() => gateway.output().includes(configHash(next).slice(0, 12)), {
      what: 'the first is taken',
      every: 1,
    });
    const wrong = next.replace('pageSize: 11', 'pageSize: eleven');
    const { problems } = await save(wrong);
    t.match(problems, [/pageSize: found "eleven"/]);
    t.equal((await send(gateway.url, 'GET', '/api/clients')).body.pagination.limit, 11);
    const silly = RIGHT.replace(/port: .*/, 'port: 1').replace('logLevel:', 'replica: other\n  logLevel:');
    await save(silly);
    await until(() => /"server.port","server.replica".*next start/.test(gateway.output()), {
      what: 'what only a restart changes is said to wait for it',
    });
  },
);

import type { ServerResponse } from 'node:http';
import pg from 'pg';
import t from 'tap';
import { startUpstream, exchange, begin } from '../gateway/upstream.ts';
import { send } from '../harness/api.ts';
import { startFaultProxy } from '../harness/fault-proxy.ts';
import { testConfig } from '../harness/gateway.ts';
import { createTwoSides } from '../harness/two-sides.ts';
import { until } from '../harness/wait.ts';
import { holdPort, isOpen, type Process, startProcess } from './process.ts';

/** A busy machine must not look like a store that fails. */
const PATIENT = [
  [/timeout: [12]s\n    deadline: [36]s/g, 'timeout: 7s\n    deadline: 15s'],
  [/statementTimeout: 2s/, 'statementTimeout: 7s'],
] as const;

const upstream = await startUpstream(t, 'upstream');
const sides = await createTwoSides(t, { migrate: false, scale: 0.001 });
const env: Record<string, string> = { ...sides.env, LEGACY_API_URL: upstream.url };
const SECRETS = [sides.legacy.key, ':test@', 'hunter2'];

const secretsIn = (started: Process) =>
  SECRETS.filter((secret) => (started.stdout() + started.stderr()).includes(secret));
const replicas = async () => (await sides.new.query('SELECT name FROM banyan.replica')).length;

t.test('a taken port ends the start with one clear line', async (t) => {
  const { file } = await testConfig(t, PATIENT);
  const port = await holdPort(t);
  const started = await startProcess(t, file, env, port);
  t.equal(await started.ended, 1);
  t.match(
    started.stderr(),
    new RegExp(`^Port ${port} is taken\\. Stop what uses it, or choose another: PORT=8081 npm start\n$`),
  );
  t.same(secretsIn(started), []);
});

t.test('a wrong file ends the start with a line for every mistake', async (t) => {
  const { file } = await testConfig(t, [
    ...PATIENT,
    [/mode: legacy/, 'mode: legcy'],
    [/pageSize: 50/, 'pageSize: many'],
  ]);
  const started = await startProcess(t, file, env);
  t.equal(await started.ended, 1);
  const [head, ...lines] = started.stderr().trimEnd().split('\n');
  t.equal(head, `${file} is wrong:`);
  t.match(lines, [
    /:\d+:11 {2}resources\.clients\.mode: found "legcy"; expected one of legacy, .*; did you mean "legacy"\?$/,
    /:\d+:17 {2}resources\.clients\.query\.pageSize: found "many"; expected /,
  ]);
  t.equal(lines.length, 2);
  t.equal(started.stdout(), '');
});

t.test('what the environment lacks is named, and what it holds is not shown', async (t) => {
  const { file } = await testConfig(t, PATIENT);
  const { SUPABASE_SERVICE_ROLE_KEY: _key, ...rest } = env;
  const lacking = await startProcess(t, file, {
    ...rest,
    DATABASE_URL: 'mysql://gateway:hunter2@127.0.0.1/erp',
  });
  t.equal(await lacking.ended, 1);
  t.match(
    lacking.stderr(),
    /stores\.erp-legacy\.key: found \$\{SUPABASE_SERVICE_ROLE_KEY\}, which is not set/,
  );
  t.match(lacking.stderr(), /stores\.new\.url: .*expected a URL that begins with postgres:/);
  t.same(secretsIn(lacking), []);
  const missing = await startProcess(t, '/nowhere/routes.config.yaml', env);
  t.equal(await missing.ended, 1);
  t.match(missing.stderr(), /\/nowhere\/routes\.config\.yaml:1:1 .*found no file/);
});

t.test(
  'with the control database away the gateway passes through, waits, and serves when it comes',
  async (t) => {
    const { hostname, port } = new URL(sides.new.url);
    const road = await startFaultProxy({ target: { host: hostname, port: Number(port) } });
    t.teardown(() => road.close());
    await road.refuse();
    const far = Object.fromEntries(
      Object.entries(env).map(([name, value]) => [name, name.includes('DATABASE') ? road.url(value) : value]),
    );
    const { file } = await testConfig(t, PATIENT, { operations: true });
    const started = await startProcess(t, file, far);
    await started.listening();
    await until(() => started.stdout().includes('the control database is not ready'), {
      what: 'the log says so',
    });
    t.equal(await started.ready(), 503);
    t.equal((await send(started.url, 'GET', '/_banyan/live')).status, 200, 'but the process lives');
    t.equal(
      (await send(started.url, 'GET', '/elsewhere')).body,
      'upstream',
      'what no resource names goes its way',
    );
    for (const [method, path] of [
      ['GET', '/api/clients'],
      ['DELETE', '/api/clients/1'],
      ['POST', '/api/appointments'],
    ] as const) {
      const answer = await send(started.url, method, path);
      t.match(
        [answer.status, answer.body],
        [503, { success: false, error: { code: 'not-ready' } }],
        `${method} ${path}`,
      );
      t.equal(answer.headers.get('retry-after'), '1');
    }
    await road.pass();
    await until(async () => (await started.ready()) === 200, { what: 'it is ready' });
    t.match((await send(started.url, 'GET', '/api/clients')).servedBy, 'legacy');
    t.same(secretsIn(started), []);
    started.signal('SIGTERM');
    t.equal(await started.ended, 0);
  },
);

t.test('a gateway that cannot reach the control database can be stopped', async (t) => {
  const { file } = await testConfig(t, PATIENT);
  const wrong = (url: string) => url.replace(':test@', ':hunter2@');
  const started = await startProcess(t, file, {
    ...env,
    DATABASE_URL: wrong(sides.env.DATABASE_URL as string),
    DATABASE_OWNER_URL: wrong(sides.env.DATABASE_OWNER_URL as string),
  });
  await started.listening();
  await until(() => started.stdout().includes('the control database is not ready'), {
    what: 'the log says so',
  });
  started.signal('SIGTERM');
  t.equal(await started.ended, 0);
  t.same(secretsIn(started), []);
});

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  t.test(
    `${signal}: requests under way end well, then the replica signs off and the process ends with 0`,
    async (t) => {
      const { file } = await testConfig(t, PATIENT);
      const started = await startProcess(t, file, env);
      await started.listening();
      await until(async () => (await started.ready()) === 200, { what: 'it is ready' });
      t.equal(await replicas(), 1);
      const blocker = new pg.Client({ connectionString: sides.legacy.database.url });
      await blocker.connect();
      t.teardown(() => blocker.end());
      await blocker.query('BEGIN; LOCK TABLE companies');
      const held: ServerResponse[] = [];
      upstream.on('/held', (_request, response) => void held.push(response));
      const slow = [
        exchange(`${started.url}/held`),
        exchange(`${started.url}/api/companies`),
        exchange(`${started.url}/api/companies`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ name: signal, siret: signal.padEnd(14, '0') }),
        }),
      ];
      const waiting = `SELECT 1 FROM pg_locks JOIN pg_database d ON d.oid = database WHERE datname = $1 AND NOT granted`;
      const { name } = sides.legacy.database;
      await until(async () => held.length === 1 && (await sides.new.query(waiting, [name])).length === 2, {
        what: 'all three are under way',
      });
      started.signal(signal);
      await until(async () => !(await isOpen(Number(new URL(started.url).port))), {
        what: 'nobody new gets in',
      });
      await blocker.query('COMMIT');
      held[0]?.end('at last');
      const answers = await Promise.all(slow);
      t.same(
        answers.map(({ status, complete }) => [status, complete]),
        [
          [200, true],
          [200, true],
          [201, true],
        ],
      );
      t.equal(await started.ended, 0);
      t.equal(await replicas(), 0, 'it has signed off');
      t.equal(started.stderr(), '');
      t.same(secretsIn(started), []);
    },
  );
}

t.test('a stream that never ends is cut in time for an orderly stop', async (t) => {
  const { file } = await testConfig(t, [...PATIENT, [/\n {2}port: /, '\n  shutdown: 4s$&']]);
  const started = await startProcess(t, file, env);
  await started.listening();
  await until(async () => (await started.ready()) === 200, { what: 'it is ready' });
  upstream.on('/events', (_request, response) => void response.writeHead(200).write('data: 1\n\n'));
  const stream = await begin(`${started.url}/events`, {});
  stream.on('error', () => undefined).resume();
  started.signal('SIGTERM');
  t.equal(await started.ended, 0);
  t.equal(await replicas(), 0, 'it has signed off');
  t.match(started.stdout(), /requests that did not end are cut/);
});

import t from 'tap';
import { call } from '../cli/place.ts';
import { modeOf, moveByFile, ROAD_BACK, ROAD_UP, send } from '../harness/api.ts';
import { startGateway, testConfig } from '../harness/gateway.ts';
import { createTwoSides } from '../harness/two-sides.ts';
import { until } from '../harness/wait.ts';

const PATIENT = [
  [/timeout: [12]s\n    deadline: [36]s/g, 'timeout: 7s\n    deadline: 15s'],
  [/statementTimeout: 2s/, 'statementTimeout: 7s'],
] as const;

const sides = await createTwoSides(t);
const [here, there] = [await testConfig(t, PATIENT), await testConfig(t, PATIENT)];
let one = await startGateway(t, { config: here, env: sides.env });
const two = await startGateway(t, { config: there, env: sides.env });

interface Wanted {
  mode: string;
  source: string;
  actor: string;
  at: string;
}

async function wanted(): Promise<Wanted | undefined> {
  const [row] = await sides.new.query<Wanted>(
    `SELECT mode, source, actor, at::text FROM banyan.wanted WHERE resource = 'companies'`,
  );
  return row;
}

async function hashes(): Promise<string[]> {
  const rows = await sides.new.query<{ hash: string }>(
    'SELECT hash FROM banyan.replica_file ORDER BY replica',
  );
  return rows.map(({ hash }) => hash);
}

async function banyan(command: string) {
  const env = { ...sides.env, BANYAN_CONFIG: here.file, BANYAN_ACTOR: 'ada' };
  return await call(command.split(' '), env, '/');
}

const isIn = async (mode: string) => {
  await until(async () => (await modeOf(sides.new, 'companies')) === mode, {
    what: `companies is in mode ${mode}`,
  });
};

t.test('a resource goes its whole road and back by edits of two files that differ for a while', async (t) => {
  const made: string[] = [];
  for (const mode of [...ROAD_UP, ...ROAD_BACK]) {
    const [first, second] = made.length % 4 === 0 ? [here, there] : [there, here];
    await moveByFile(first, sides.new, 'companies', mode);
    const [a, b] = await hashes();
    t.not(a, b, `${mode}: the files differ, and that is known`);
    const status = (await banyan('status --json')).out;
    t.match(status, /"differsFrom":\s*\[\s*"/, 'status says so');
    await second.setMode('companies', mode);
    await until(async () => new Set(await hashes()).size === 1, { what: 'both have the same file' });
    t.equal(await modeOf(sides.new, 'companies'), mode, 'the second file asks for what is so already');
    for (const gateway of [one, two]) {
      const { status, body } = await send(gateway.url, 'POST', '/api/companies', {
        name: 'Société',
        siret: String(made.length).padStart(14, '3'),
      });
      t.equal(status, 201);
      made.push(body.data.id as string);
    }
  }
  for (const gateway of [one, two]) {
    const listed = await send(gateway.url, 'GET', '/api/companies?limit=100');
    t.same(listed.body.data.map(({ id }: { id: string }) => id).sort(), [...made].sort(), 'nothing is lost');
  }
});

t.test('the last edit wins, whatever the other file says', async (t) => {
  await moveByFile(here, sides.new, 'companies', 'dual-write');
  await moveByFile(there, sides.new, 'companies', 'shadow');
  t.match(here.text, /companies:\n.*\n {4}mode: dual-write/);
  t.match(await wanted(), { mode: 'shadow', source: 'file', actor: new RegExp(String(two.port)) });
  await moveByFile(here, sides.new, 'companies', 'legacy');
  t.match(await wanted(), { mode: 'legacy', actor: new RegExp(String(one.port)) });
});

/** Stops the first gateway, and starts it again under its name; `edit` happens while it is away. */
async function restart(edit: () => Promise<void> = async () => undefined): Promise<void> {
  t.equal(await one.stop(), 0);
  await edit();
  one = await startGateway(t, { config: here, env: sides.env, port: one.port });
}

t.test('a restart with the same file asks for nothing, one with another file does', async (t) => {
  await moveByFile(there, sides.new, 'companies', 'legacy');
  await moveByFile(there, sides.new, 'companies', 'dual-write');
  const before = await wanted();
  await restart();
  t.same(await wanted(), before, 'its file says legacy, as it did before');
  t.equal(await modeOf(sides.new, 'companies'), 'dual-write');
  await restart(() => here.setMode('companies', 'shadow'));
  await isIn('shadow');
  t.match(await wanted(), { mode: 'shadow', source: 'file' });
});

t.test('a command wins over every file until one is edited', async (t) => {
  t.equal((await banyan('switch companies dual-write')).exit, 0);
  await isIn('dual-write');
  const asked = await wanted();
  t.match(asked, { mode: 'dual-write', source: 'command', actor: 'ada' });
  await restart();
  await here.write(here.text.replace('pageSize: 50', 'pageSize: 51'));
  await until(async () => (await send(one.url, 'GET', '/api/clients')).body.pagination.limit === 51, {
    what: 'an edit of something else is in force',
  });
  t.same(await wanted(), asked, 'neither a restart nor another edit brings back what the file says');
  t.equal(await modeOf(sides.new, 'companies'), 'dual-write');
  const { out } = await banyan('status companies --json');
  t.match(JSON.parse(out), {
    resources: [{ mode: 'dual-write', file: 'shadow', wanted: { source: 'command' } }],
  });
  await moveByFile(here, sides.new, 'companies', 'legacy');
});

t.test('an edit while the control database is away is taken when it is back', async (t) => {
  // Nobody new gets in, and whoever is in is thrown out.
  const { name } = sides.new;
  const admin = sides.legacy.database;
  await admin.query(`ALTER DATABASE ${name} ALLOW_CONNECTIONS false`);
  await admin.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1', [name]);
  await here.setMode('companies', 'dual-write');
  await here.write(here.text.replace('pageSize: 51', 'pageSize: 52'));
  await until(() => one.output().includes('does not know of the file yet'), { what: 'the gateway says so' });
  t.equal((await send(one.url, 'GET', '/api/companies')).status, 200, 'in mode legacy nothing needs it');
  await admin.query(`ALTER DATABASE ${name} ALLOW_CONNECTIONS true`);
  await isIn('dual-write');
  t.equal((await send(one.url, 'GET', '/api/clients')).body.pagination.limit, 52);
});

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { type Server, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { withClient } from '../../src/quickstart/accounts.ts';
import {
  type ServerProcess,
  findServer,
  isAlive,
  stopServer,
} from '../../src/quickstart/postgres-process.ts';
import type { QuickstartEnvironment } from '../../src/quickstart/quickstart.ts';
import { ROOT } from '../harness/postgres.ts';
import { until } from '../harness/wait.ts';

interface Answer {
  env: QuickstartEnvironment;
  trouble?: string;
  message: string;
  logged: string[];
}

/** A folder that any account may enter, whose server is stopped at the end whatever happened. */
function place(t: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'banyan-quickstart-'));
  chmodSync(folder, 0o755);
  t.teardown(async () => {
    const server = await findServer(join(folder, '.banyan/postgres/data'));
    if (server) await stopServer(server);
    rmSync(folder, { recursive: true, force: true });
  });
  return join(folder, '.banyan');
}

/** Starts the quick start in a process of its own and waits for what it says. */
async function start(t: Test, folder: string): Promise<{ child: ChildProcess; answer: Answer }> {
  const child = spawn(process.execPath, ['--import', 'tsx', join(import.meta.dirname, 'start.ts'), folder], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.teardown(() => stop(child, 'SIGKILL'));
  let said = '';
  child.stdout.on('data', (piece: Buffer) => (said += piece.toString()));
  await until(() => said.endsWith('\n') || child.exitCode !== null, {
    what: 'the quick start says something',
    timeout: 90_000,
  });
  return { child, answer: JSON.parse(said) as Answer };
}

async function stop(child: ChildProcess, signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill(signal);
  await once(child, 'exit');
}

/** The server of a folder; there must be one. */
async function serverOf(folder: string): Promise<ServerProcess> {
  const server = await findServer(join(folder, 'postgres/data'));
  if (!server) throw new Error(`no server runs in ${folder}`);
  return server;
}

async function rows<R extends object>(url: string, sql: string): Promise<R[]> {
  return withClient(url, async (client) => (await client.query<R>(sql)).rows);
}

async function code(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => 'no error',
    (error: unknown) => (error as { code?: string }).code,
  );
}

t.test('a first start gives real stores with sample data, and a restart goes on with them', async (t) => {
  const folder = place(t);
  const first = await start(t, folder);
  const { env } = first.answer;
  const clients = async () => {
    const answer = await fetch(`${env.SUPABASE_URL}/rest/v1/clients?select=id`, {
      headers: { apikey: env.SUPABASE_SERVICE_ROLE_KEY },
    });
    return ((await answer.json()) as unknown[]).length;
  };
  t.equal(await clients(), 20);
  await rows(env.DATABASE_OWNER_URL, 'CREATE TABLE kept AS SELECT 1 AS one');

  await t.test('E8: the accounts of the new database differ in what they may do', async (t) => {
    for (const url of [env.DATABASE_URL, env.REPORTS_DATABASE_URL]) {
      t.equal(await code(rows(url, 'CREATE TABLE not_mine (n int)')), '42501', 'may not create');
      t.equal(await code(rows(url, 'SELECT * FROM kept')), '42501', 'sees nothing that was not granted');
    }
    const owner = await rows(
      env.DATABASE_OWNER_URL,
      'SELECT FROM pg_roles WHERE rolname = current_user AND rolsuper',
    );
    t.same(owner, [], 'the owner is no superuser');
    for (const name of ['postgres', 'banyan_owner', 'banyan_gateway', 'banyan_reports', 'supabase']) {
      t.equal(
        statSync(join(folder, 'postgres/secrets', name)).mode & 0o777,
        0o600,
        `${name}'s secret is private`,
      );
    }
  });

  await stop(first.child, 'SIGTERM');
  t.equal(first.child.exitCode, 0, 'it ends by itself');
  t.equal(await findServer(join(folder, 'postgres/data')), null, 'and leaves no server');

  const second = await start(t, folder);
  t.same(second.answer.env, env, 'URLs and secrets are the same');
  t.equal(await clients(), 20, 'sample data is loaded once');
  t.same(await rows(env.DATABASE_OWNER_URL, 'SELECT * FROM kept'), [{ one: 1 }]);
  await stop(second.child, 'SIGTERM');
});

t.test('after kill -9 the next start goes on with the Postgres that was left running', async (t) => {
  const folder = place(t);
  const first = await start(t, folder);
  await rows(first.answer.env.DATABASE_OWNER_URL, 'CREATE TABLE kept AS SELECT 1 AS one');
  await stop(first.child, 'SIGKILL');
  const orphan = await serverOf(folder);

  const second = await start(t, folder);
  t.same(second.answer.env, first.answer.env);
  t.match(second.answer.logged.join('\n'), new RegExp(`left running \\(process ${orphan.pid}\\)`));
  t.same(await rows(first.answer.env.DATABASE_OWNER_URL, 'SELECT * FROM kept'), [{ one: 1 }]);
  await stop(second.child, 'SIGTERM');
  t.notOk(isAlive(orphan.pid), 'and stops it in the end');
});

t.test(
  'after kill -9 of Postgres too, the pid file that is left does not matter, whoever has its number now',
  async (t) => {
    const folder = place(t);
    const first = await start(t, folder);
    const server = await serverOf(folder);
    await stop(first.child, 'SIGKILL');
    process.kill(server.pid, 'SIGKILL');
    await until(() => !isAlive(server.pid), { what: 'Postgres is dead' });
    const file = join(folder, 'postgres/data/postmaster.pid');
    // As after the restart of a container: the number belongs to a process of ours that is no Postgres.
    writeFileSync(file, readFileSync(file, 'utf8').replace(/^\d+/, String(process.pid)));

    const second = await start(t, folder);
    t.same(second.answer.env, first.answer.env);
    await stop(second.child, 'SIGTERM');
  },
);

t.test('a second start while one runs says so and harms nothing', async (t) => {
  const folder = place(t);
  const first = await start(t, folder);
  const second = await start(t, folder);
  t.equal(second.answer.trouble, 'QuickstartTrouble');
  t.match(
    second.answer.message,
    new RegExp(`already running in this folder \\(process ${first.child.pid}\\)`),
  );
  t.match(second.answer.message, /stop it first, or set DATABASE_URL/);
  t.same(await rows(first.answer.env.DATABASE_URL, 'SELECT 1 AS one'), [{ one: 1 }]);
  await stop(first.child, 'SIGTERM');
});

t.test('ports that were taken meanwhile are replaced, and it is said', async (t) => {
  const folder = place(t);
  const first = await start(t, folder);
  await stop(first.child, 'SIGTERM');
  const ports = [first.answer.env.DATABASE_URL, first.answer.env.SUPABASE_URL].map((url) =>
    Number(new URL(url).port),
  );
  for (const port of ports) await occupy(t, port);

  const second = await start(t, folder);
  for (const port of ports) t.match(second.answer.logged.join('\n'), `Port ${port} is taken`);
  t.same(await rows(second.answer.env.DATABASE_URL, 'SELECT 1 AS one'), [{ one: 1 }]);
  await stop(second.child, 'SIGTERM');
});

t.test('a data folder that cannot be made is an error that says what to do', async (t) => {
  const folder = place(t);
  writeFileSync(folder, 'a file where the folder should be');
  const { answer } = await start(t, folder);
  t.equal(answer.trouble, 'QuickstartTrouble');
  t.match(answer.message, /The data folder .* cannot be made \(E[A-Z]+\)\. Make its parent folder writable/);
});

async function occupy(t: Test, port: number): Promise<Server> {
  const server = createServer().listen(port, '127.0.0.1');
  t.teardown(() => server.close());
  await once(server, 'listening');
  return server;
}

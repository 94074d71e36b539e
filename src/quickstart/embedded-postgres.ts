import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';
import { freePort, preparePlace, rememberPort, rememberedPort, secret } from './place.ts';
import {
  SUPERUSER,
  type ServerProcess,
  createCluster,
  findServer,
  launchServer,
  signal,
  stopServer,
} from './postgres-process.ts';
import { type PostgresProgram, findProgram, serverAccount } from './postgres-program.ts';
import { type Log, QuickstartTrouble, codeOf } from './trouble.ts';

export interface EmbeddedPostgresOptions {
  /** Where data, passwords, port and log are kept. */
  folder: string;
  /** `exclusive`: one process owns the server. `shared`: many use it; see `stopIfUnused`. */
  use: 'exclusive' | 'shared';
  /** False: a crash of the machine may lose everything; for tests. */
  durable?: boolean;
  /** Further Postgres settings by name. */
  settings?: Record<string, string>;
  log: Log;
}

/** A running Postgres on 127.0.0.1. */
export interface EmbeddedPostgres {
  host: string;
  port: number;
  /** The folder that is really used: elsewhere than asked where Postgres may not enter it. */
  folder: string;
  /** A connection URL, of the superuser unless an account is named. */
  url(database: string, account?: { user: string; password: string }): string;
  /** Stops the server, whoever uses it. */
  stop(): Promise<void>;
  /** Stops the server unless another process uses it; answers whether it did. */
  stopIfUnused(): Promise<boolean>;
}

const HOST = '127.0.0.1';
/** Key of the advisory lock in database `postgres` that every user of the server holds while it lives. */
const USE_LOCK = 0x62616e79;
const START_PATIENCE = 60_000;

const SETTINGS = {
  listen_addresses: HOST,
  unix_socket_directories: '',
  timezone: 'UTC',
  log_timezone: 'UTC',
  log_min_messages: 'warning',
  max_connections: '100',
};
const CARELESS = { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' };

/**
 * Starts a Postgres in `folder`, or goes on with one that an earlier process left running there.
 * Throws a QuickstartTrouble that says what to do: not installed, not writable, in use by another process.
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const account = await serverAccount();
  const folder = await preparePlace(options.folder, account, options.log);
  const program = await findProgram(account, folder, options.log);
  const password = await secret(folder, SUPERUSER);
  const data = join(folder, 'data');
  await createCluster(program, data, password);

  const deadline = Date.now() + START_PATIENCE;
  for (;;) {
    const { server, ended } = await findOrLaunch(program, folder, data, options);
    const user = await occupy(server.port, password, options.use, deadline, ended);
    if (user instanceof pg.Client) {
      if (ended === null && options.use === 'exclusive') {
        options.log(`Going on with the Postgres that an earlier start left running (process ${server.pid}).`);
      }
      await rememberPort(folder, 'postgres', server.port);
      return running(server, folder, password, user, options);
    }
    if (Date.now() > deadline) {
      throw new QuickstartTrouble(
        `The embedded Postgres does not start.\n${user}\nIts log is ${join(folder, 'postgres.log')}; ` +
          `to begin anew without its data, remove ${folder}.`,
      );
    }
    await pause(50);
  }
}

async function findOrLaunch(
  program: PostgresProgram,
  folder: string,
  data: string,
  options: EmbeddedPostgresOptions,
): Promise<{ server: ServerProcess; ended: Promise<string> | null }> {
  const found = await findServer(data);
  if (found) return { server: found, ended: null };
  const before = await rememberedPort(folder, 'postgres');
  const port = await freePort(before);
  if (before !== null && port !== before)
    options.log(`Port ${before} is taken; Postgres listens on ${port} now.`);
  const careless = options.durable === false ? CARELESS : {};
  const settings = { ...SETTINGS, ...careless, ...options.settings, port: String(port) };
  const launch = await launchServer(program, data, join(folder, 'postgres.log'), settings);
  return { server: { pid: launch.pid, port }, ended: launch.ended };
}

/**
 * Connects and takes the lock that says "in use". The lock is the connection's: it ends with this process, however it
 * ends. Answers the reason where the server is not there (any more), so that the caller may try again: two processes
 * may start one at the same moment, a port may be taken by a third, a dead server's children may take a moment to go.
 */
async function occupy(
  port: number,
  password: string,
  use: EmbeddedPostgresOptions['use'],
  deadline: number,
  ended: Promise<string> | null,
): Promise<pg.Client | string> {
  let end: string | null = null;
  void ended?.then((reason) => (end = reason));
  for (;;) {
    const client = new pg.Client({
      host: HOST,
      port,
      user: SUPERUSER,
      password,
      database: 'postgres',
      application_name: `banyan process ${process.pid}`,
      keepAlive: true,
    });
    client.on('error', () => {});
    try {
      await client.connect();
      await lock(client, use, deadline);
      return client;
    } catch (error) {
      await client.end().catch(() => {});
      if (error instanceof QuickstartTrouble) throw error;
      if (codeOf(error) === '28P01') {
        // A server that could not have its port ends at once; then it was another one that refused us.
        await Promise.race([ended, pause(1_000)]);
        if (end === null) throw wrongPassword(error);
      }
      const starting = codeOf(error) === '57P03' || codeOf(error) === 'ECONNREFUSED';
      if (end !== null || !starting || ended === null || Date.now() > deadline) return end ?? String(error);
      await pause(20);
    }
  }
}

async function lock(client: pg.Client, use: EmbeddedPostgresOptions['use'], deadline: number): Promise<void> {
  if (use === 'shared') {
    await client.query('SELECT pg_advisory_lock_shared($1)', [USE_LOCK]);
    return;
  }
  // The lock of a process that has just been killed goes with its connection, within a moment.
  const patience = Math.min(deadline, Date.now() + 2_000);
  while (!(await tryLock(client))) {
    if (Date.now() > patience) throw inUse(await holders(client));
    await pause(50);
  }
}

async function tryLock(client: pg.Client): Promise<boolean> {
  const answer = await client.query<{ free: boolean }>('SELECT pg_try_advisory_lock($1) AS free', [USE_LOCK]);
  return answer.rows[0]?.free === true;
}

async function holders(client: pg.Client): Promise<string> {
  const answer = await client.query<{ name: string }>(
    `SELECT DISTINCT application_name AS name FROM pg_stat_activity JOIN pg_locks USING (pid)
     WHERE locktype = 'advisory' AND objid = $1 AND granted`,
    [USE_LOCK],
  );
  return answer.rows.map((row) => row.name.replace('banyan ', '')).join(', ');
}

function inUse(by: string): QuickstartTrouble {
  return new QuickstartTrouble(
    `Banyan's quick start is already running in this folder (${by}). Use that one, stop it first, ` +
      'or set DATABASE_URL, SUPABASE_URL and SUPABASE_SERVICE_ROLE_KEY to start a gateway on servers of your own.',
  );
}

function wrongPassword(cause: unknown): QuickstartTrouble {
  return new QuickstartTrouble(
    'The embedded Postgres does not take the password that is kept beside its data. ' +
      'If the data may go, remove the data folder (.banyan) and start again.',
    cause,
  );
}

function running(
  server: ServerProcess,
  folder: string,
  password: string,
  user: pg.Client,
  options: EmbeddedPostgresOptions,
): EmbeddedPostgres {
  // An exit that nobody planned still stops what this process owns; after kill -9 the next start goes on with it.
  const lastWord = () => void signal(server.pid, 'SIGINT');
  if (options.use === 'exclusive') process.once('exit', lastWord);
  // A test that has nothing else to do may end.
  else keepsProcess(user).unref();
  const end = async () => {
    process.off('exit', lastWord);
    await user.end().catch(() => {});
    await stopServer(server);
  };
  let stopping: Promise<void> | undefined;
  const stop = () => (stopping ??= end());
  return {
    host: HOST,
    port: server.port,
    folder,
    url: (database, account = { user: SUPERUSER, password }) =>
      `postgresql://${account.user}:${encodeURIComponent(account.password)}@${HOST}:${server.port}/${database}`,
    stop,
    stopIfUnused: async () => {
      keepsProcess(user).ref();
      await user.query('SELECT pg_advisory_unlock_shared($1)', [USE_LOCK]);
      const unused = await tryLock(user);
      if (unused) await stop();
      else await user.end();
      return unused;
    },
  };
}

/** pg has these two, but its type package does not know them. */
function keepsProcess(client: pg.Client): { ref(): void; unref(): void } {
  return client as unknown as { ref(): void; unref(): void };
}

import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import pg from 'pg';
import { type Accounts, makeDatabase, withClient } from '../../src/quickstart/accounts.ts';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../src/quickstart/embedded-postgres.ts';
import { isAlive } from '../../src/quickstart/postgres-process.ts';

/** The project's root folder. */
export const ROOT = resolve(import.meta.dirname, '../..');

/** Whatever has tap's `teardown`. */
export interface Teardown {
  teardown(end: () => unknown): void;
}

/** A database of a test's own, empty at first. */
export interface TestDatabase {
  name: string;
  /** Connection URL of the superuser. */
  url: string;
  /** Connection URLs of the three accounts of E8; the database belongs to `owner`. */
  accounts: { owner: string; gateway: string; reports: string };
  /** Rows of a statement, values as pg gives them. */
  query<R = Record<string, unknown>>(text: string, parameters?: unknown[]): Promise<R[]>;
  /** Removes the database with whoever is still connected. */
  drop(): Promise<void>;
}

/** What connections of the tests themselves are called in pg_stat_activity. */
export const HARNESS = 'banyan test';

let server: Promise<EmbeddedPostgres> | undefined;

/**
 * The Postgres that all test files of a run share: the first that needs it starts it, and it is stopped after the last
 * (`after.ts`; without tap's runner, at the end of the process). It forgets its data when the machine stops.
 */
export function testPostgres(): Promise<EmbeddedPostgres> {
  return (server ??= startEmbeddedPostgres({
    // Two users of one checkout, e.g. root and another, cannot share files.
    folder: resolve(ROOT, `.cache/test-postgres-${process.getuid?.() ?? 'user'}`),
    use: 'shared',
    durable: false,
    // A password of these is nothing to guess, and tests log in thousands of times.
    settings: { max_connections: '300', wal_level: 'logical', scram_iterations: '1' },
    log: (message) => console.error(message),
  }));
}

/** A fresh and empty database, dropped at the end of the test. */
export async function createDatabase(t?: Teardown): Promise<TestDatabase> {
  const { url } = await testPostgres();
  const name = `test_${process.pid}_${randomBytes(4).toString('hex')}`;
  const login = (role: string) => ({ user: `${name}_${role}`, password: 'test' });
  const accounts: Accounts = { owner: login('owner'), gateway: login('gateway'), reports: login('reports') };
  await withClient(url('postgres'), async (client) => {
    // Postgres's own way writes all of an empty database into the log, and takes four times as long.
    await client.query(`CREATE DATABASE ${name} STRATEGY file_copy`);
    await makeDatabase(client, name, accounts);
    await client.query(`ALTER DATABASE ${name} OWNER TO ${accounts.owner.user}`);
  });
  const own = briefConnections(url(name));
  const database: TestDatabase = {
    name,
    url: url(name),
    accounts: {
      owner: url(name, accounts.owner),
      gateway: url(name, accounts.gateway),
      reports: url(name, accounts.reports),
    },
    query: async <R>(text: string, parameters?: unknown[]) => (await own.query(text, parameters)).rows as R[],
    drop: async () => {
      // Not waited for: a statement that still waits for a lock ends with its database.
      own.end().catch(() => {});
      await withClient(url('postgres'), (client) => dropDatabase(client, name));
    },
  };
  t?.teardown(() => database.drop());
  return database;
}

/**
 * Connections that outlive their statement by a moment: a condition that is looked at again and again does not log in
 * each time, and a test that cuts or counts connections soon has only its own.
 */
function briefConnections(url: string): pg.Pool {
  const pool = new pg.Pool({
    connectionString: url,
    application_name: HARNESS,
    max: 20,
    idleTimeoutMillis: 100,
    allowExitOnIdle: true,
  });
  pool.on('error', () => {});
  return pool;
}

async function dropDatabase(client: pg.Client, name: string): Promise<void> {
  await client.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
  await client.query(`DROP ROLE IF EXISTS ${name}_owner, ${name}_gateway, ${name}_reports`);
}

/** Removes what test processes left that were killed, and stops the server unless a process still uses it. */
export async function stopTestPostgres(): Promise<void> {
  const postgres = await testPostgres();
  await withClient(postgres.url('postgres'), async (client) => {
    const found = await client.query<{ name: string }>(
      `SELECT datname AS name FROM pg_database WHERE datname LIKE 'test\\_%'`,
    );
    for (const { name } of found.rows)
      if (!isAlive(Number(name.split('_')[1]))) await dropDatabase(client, name);
  });
  server = undefined;
  await postgres.stopIfUnused();
}

/** Whether a test server was ever started in this checkout, so that stopping it needs no start. */
export function wasStarted(): boolean {
  const folder = resolve(ROOT, `.cache/test-postgres-${process.getuid?.() ?? 'user'}`);
  try {
    return readFileSync(resolve(folder, 'data/postmaster.pid'), 'utf8') !== '';
  } catch {
    return false;
  }
}

// Run by hand, a test file has no runner that would stop the server after it.
if (!process.env.TAP) process.once('beforeExit', () => void (server && stopTestPostgres()));

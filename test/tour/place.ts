import { fork } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { type Accounts, makeDatabase, withClient } from '../../src/quickstart/accounts.ts';
import { startEmbeddedPostgres } from '../../src/quickstart/embedded-postgres.ts';
import { VOLUMES, loadSampleData } from '../../src/quickstart/sample-data.ts';
import type { StoreQuery } from '../load/check.ts';
import type { Endings } from './endings.ts';

/** Real stores of the tour's own: a Postgres that forgets nothing, and a Supabase-compatible server with sample data. */
export interface Place {
  /** Environment of the gateways. */
  env: Record<string, string>;
  /** Runs a statement in each side's database, past the gateways. */
  legacy: StoreQuery;
  new: StoreQuery;
}

const LOGIN = { password: 'tour' } as const;
const ACCOUNTS: Accounts = {
  owner: { user: 'tour_owner', ...LOGIN },
  gateway: { user: 'tour_gateway', ...LOGIN },
  reports: { user: 'tour_reports', ...LOGIN },
};

export async function startPlace(endings: Endings, records: number): Promise<Place> {
  const folder = await mkdtemp(join(tmpdir(), 'banyan-tour-'));
  endings.teardown(() => rm(folder, { recursive: true, force: true }));
  // Started by root, Postgres runs under another account, which must get there.
  await chmod(folder, 0o755);
  const log = (line: string) => console.log(`  ${line}`);
  const postgres = await startEmbeddedPostgres({ folder: join(folder, 'postgres'), use: 'exclusive', log });
  endings.teardown(() => postgres.stop());
  await withClient(postgres.url('postgres'), async (client) => {
    await makeDatabase(client, 'banyan_new', ACCOUNTS);
    await client.query('CREATE DATABASE legacy');
  });
  const [legacyUrl, newUrl] = [postgres.url('legacy'), postgres.url('banyan_new')];
  const secretKey = 'sb_secret_of-the-tour';
  const supabaseUrl = await startLegacy(endings, { databaseUrl: legacyUrl, secretKey });
  await loadSampleData(legacyUrl, { scale: records / VOLUMES.clients });
  return {
    env: {
      DATABASE_URL: postgres.url('banyan_new', ACCOUNTS.gateway),
      DATABASE_OWNER_URL: postgres.url('banyan_new', ACCOUNTS.owner),
      SUPABASE_URL: supabaseUrl,
      SUPABASE_SERVICE_ROLE_KEY: secretKey,
      LEGACY_API_URL: supabaseUrl,
      LOG_LEVEL: process.env.LOG_LEVEL ?? 'warn',
    },
    legacy: queryOf(endings, legacyUrl),
    new: queryOf(endings, newUrl),
  };
}

async function startLegacy(
  endings: Endings,
  options: { databaseUrl: string; secretKey: string },
): Promise<string> {
  const child = fork(join(import.meta.dirname, 'legacy-process.ts'), { execArgv: ['--import', 'tsx'] });
  endings.teardown(() => child.kill('SIGKILL'));
  await once(child, 'message');
  child.send(options);
  const [{ url }] = (await once(child, 'message')) as [{ url: string }];
  return url;
}

function queryOf(endings: Endings, url: string): StoreQuery {
  const pool = new pg.Pool({ connectionString: url, max: 2 });
  pool.on('error', () => undefined);
  endings.teardown(() => pool.end());
  return async (text, parameters = []) => (await pool.query<Record<string, unknown>>(text, parameters)).rows;
}

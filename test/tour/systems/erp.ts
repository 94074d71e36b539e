import { fork } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { type Accounts, makeDatabase, withClient } from '../../../src/quickstart/accounts.ts';
import { startEmbeddedPostgres } from '../../../src/quickstart/embedded-postgres.ts';
import { VOLUMES, loadSampleData } from '../../../src/quickstart/sample-data.ts';
import { testConfig } from '../../harness/gateway.ts';
import { SUBJECTS, type StoreQuery, versionsIn } from '../../load/subjects.ts';
import type { Endings } from '../endings.ts';
import { MAIN_ROAD, MERGED_ROAD, type Place, SPLIT_ROAD, type TourSystem } from '../system.ts';

const RESOURCE = 'clients';
const LOGIN = { password: 'tour' } as const;
const ACCOUNTS: Accounts = {
  owner: { user: 'tour_owner', ...LOGIN },
  gateway: { user: 'tour_gateway', ...LOGIN },
  reports: { user: 'tour_reports', ...LOGIN },
};

/** A Postgres that forgets nothing, and a Supabase-compatible server with sample data. */
async function startPlace(endings: Endings, records: number): Promise<Place> {
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
  const control = queryOf(endings, newUrl);
  return {
    env: {
      DATABASE_URL: postgres.url('banyan_new', ACCOUNTS.gateway),
      DATABASE_OWNER_URL: postgres.url('banyan_new', ACCOUNTS.owner),
      SUPABASE_URL: supabaseUrl,
      SUPABASE_SERVICE_ROLE_KEY: secretKey,
      LEGACY_API_URL: supabaseUrl,
      LOG_LEVEL: process.env.LOG_LEVEL ?? 'warn',
    },
    legacy: versionsIn(RESOURCE, queryOf(endings, legacyUrl)),
    new: versionsIn(RESOURCE, control),
    control,
  };
}

async function startLegacy(
  endings: Endings,
  options: { databaseUrl: string; secretKey: string },
): Promise<string> {
  const child = fork(join(import.meta.dirname, 'erp-legacy-process.ts'), { execArgv: ['--import', 'tsx'] });
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

/** Settings that make the tour short without making it easy: guards are real, a process that died is waited for 5 s. */
const EDITS = [
  [/shadowReads: \d+/g, 'shadowReads: 200'],
  [/timeout: 1s\n {4}deadline: 3s/, 'timeout: 2s\n    deadline: 5s'],
  [/timeout: 2s\n {4}deadline: 6s/, 'timeout: 2s\n    deadline: 5s'],
  [/( {4}mode: legacy\n)/g, '$1    switch: { hold: 8s, budget: 7s }\n'],
] as const;

/** System E, on the main road. */
export const erp: TourSystem = {
  name: 'erp',
  resource: RESOURCE,
  subject: SUBJECTS[RESOURCE],
  roads: [MAIN_ROAD],
  startPlace,
  config: async (endings) => await testConfig(endings, EDITS, { operations: true }),
};

/** System E, on the roads on which both sides hold records of their own. */
export const erpMerged: TourSystem = { ...erp, name: 'erp-merged', roads: [MERGED_ROAD, SPLIT_ROAD] };

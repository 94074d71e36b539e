import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import SQLite from 'better-sqlite3';
import pg from 'pg';
import { makeLegacy } from '../../../examples/novacrm/data.ts';
import { tokenFor } from '../../../examples/novacrm/token.ts';
import { type Accounts, makeDatabase, withClient } from '../../../src/quickstart/accounts.ts';
import { startEmbeddedPostgres } from '../../../src/quickstart/embedded-postgres.ts';
import { configOf } from '../../harness/gateway.ts';
import { type StoreQuery, versionsOf } from '../../load/subjects.ts';
import { FOLDER, SECRET, taskSubject } from '../../systems/novacrm/place.ts';
import type { Endings } from '../endings.ts';
import { MAIN_ROAD, type Place, type TourSystem } from '../system.ts';

const LOGIN = { password: 'tour' } as const;
const ACCOUNTS: Accounts = {
  owner: { user: 'tour_owner', ...LOGIN },
  gateway: { user: 'tour_gateway', ...LOGIN },
  reports: { user: 'tour_reports', ...LOGIN },
};

/** A Postgres that forgets nothing, and the MVP's SQLite file. */
async function startPlace(endings: Endings, records: number): Promise<Place> {
  const folder = await mkdtemp(join(tmpdir(), 'banyan-tour-'));
  endings.teardown(() => rm(folder, { recursive: true, force: true }));
  // Started by root, Postgres runs under another account, which must get there.
  await chmod(folder, 0o755);
  const log = (line: string) => console.log(`  ${line}`);
  const postgres = await startEmbeddedPostgres({ folder: join(folder, 'postgres'), use: 'exclusive', log });
  endings.teardown(() => postgres.stop());
  await withClient(postgres.url('postgres'), (client) => makeDatabase(client, 'novacrm', ACCOUNTS));
  const file = join(folder, 'novacrm.db');
  // Tasks without deals: their parents stay where they are.
  await makeLegacy(file, { scale: 0, tasks: records });
  const legacy = new SQLite(file, { readonly: true });
  endings.teardown(() => legacy.close());
  const found = legacy.prepare(
    'SELECT id AS key, priority AS version FROM tasks WHERE id IN (SELECT value FROM json_each(?))',
  );
  const pool = new pg.Pool({ connectionString: postgres.url('novacrm'), max: 2 });
  pool.on('error', () => undefined);
  endings.teardown(() => pool.end());
  const control: StoreQuery = async (text, parameters = []) =>
    (await pool.query<Record<string, unknown>>(text, parameters)).rows;
  return {
    env: {
      NOVACRM_FILE: file,
      DATABASE_URL: postgres.url('novacrm', ACCOUNTS.gateway),
      DATABASE_OWNER_URL: postgres.url('novacrm', ACCOUNTS.owner),
      JWT_SECRET: SECRET,
      LOG_LEVEL: process.env.LOG_LEVEL ?? 'warn',
    },
    legacy: versionsOf(
      (_, [keys]) => Promise.resolve(found.all(JSON.stringify(keys)) as Record<string, unknown>[]),
      'the statement above',
    ),
    new: versionsOf(
      control,
      'SELECT id::text AS key, priority AS version FROM tasks WHERE id = ANY ($1::uuid[])',
    ),
    control,
  };
}

const EDITS: readonly (readonly [RegExp, string])[] = [
  // Parents go ahead.
  [/(path: \/api\/v1\/(?:accounts|deals)\n {4}mode: )legacy/g, '$1dual-write'],
  [
    /(\n {2}tasks:\n {4}path: .*\n {4}mode: legacy)/,
    '$1\n    guards: { shadowReads: 200, mismatches: 0, lag: 2s }\n    switch: { hold: 8s, budget: 7s }',
  ],
  [/timeout: 2s\n {4}deadline: 6s/g, 'timeout: 2s\n    deadline: 5s'],
  [/module: operations\//g, `module: ${FOLDER}/operations/`],
  [/schema: prisma\//g, `schema: ${FOLDER}/prisma/`],
];

/** System N's tasks, on the main road. */
export const novacrm: TourSystem = {
  name: 'novacrm',
  resource: 'tasks',
  subject: taskSubject({ authorization: `Bearer ${await tokenFor('admin', SECRET)}` }),
  roads: [MAIN_ROAD],
  startPlace,
  config: async (endings) => await configOf(endings, join(FOLDER, 'routes.config.yaml'), EDITS),
};

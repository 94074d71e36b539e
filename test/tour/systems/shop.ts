import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { makeData, writeData } from '../../../examples/shop/data.ts';
import { type Accounts, makeDatabase, withClient } from '../../../src/quickstart/accounts.ts';
import { startEmbeddedPostgres } from '../../../src/quickstart/embedded-postgres.ts';
import { configOf } from '../../harness/gateway.ts';
import { type StoreQuery, type Subject, type VersionReader, versionsOf } from '../../load/subjects.ts';
import { FOLDER } from '../../systems/shop/place.ts';
import type { Endings } from '../endings.ts';
import { MAIN_ROAD, type Place, type TourSystem } from '../system.ts';

const LOGIN = { password: 'tour' } as const;
const ACCOUNTS: Accounts = {
  owner: { user: 'tour_owner', ...LOGIN },
  gateway: { user: 'tour_gateway', ...LOGIN },
  reports: { user: 'tour_reports', ...LOGIN },
};

/** Products, whose stock counts the versions; on the new side they are soft-deleted. */
const products: Subject = {
  path: '/api/products',
  envelope: 'none',
  version: 'stock',
  text: 'description',
  group: 'name',
  whole: (_label, group, version) => ({
    name: group,
    price: 19.9,
    stock: version,
    // A file has no moment of its own for a new record.
    createdAt: '2026-05-06T07:08:09.123Z',
    description: `version ${version} – "é, 'quoted', 🌳"`,
  }),
};

/** A Postgres that forgets nothing, and a folder of JSON files. */
async function startPlace(endings: Endings, records: number): Promise<Place> {
  const folder = await mkdtemp(join(tmpdir(), 'banyan-tour-'));
  endings.teardown(() => rm(folder, { recursive: true, force: true }));
  // Started by root, Postgres runs under another account, which must get there.
  await chmod(folder, 0o755);
  const log = (line: string) => console.log(`  ${line}`);
  const postgres = await startEmbeddedPostgres({ folder: join(folder, 'postgres'), use: 'exclusive', log });
  endings.teardown(() => postgres.stop());
  await withClient(postgres.url('postgres'), (client) => makeDatabase(client, 'shop', ACCOUNTS));
  const data = join(folder, 'data');
  await writeData(data, makeData({ users: records, seed: 3 }));
  const pool = new pg.Pool({ connectionString: postgres.url('shop'), max: 2 });
  pool.on('error', () => undefined);
  endings.teardown(() => pool.end());
  const control: StoreQuery = async (text, parameters = []) =>
    (await pool.query<Record<string, unknown>>(text, parameters)).rows;
  return {
    env: {
      SHOP_DATA: data,
      DATABASE_URL: postgres.url('shop', ACCOUNTS.gateway),
      DATABASE_OWNER_URL: postgres.url('shop', ACCOUNTS.owner),
      LOG_LEVEL: process.env.LOG_LEVEL ?? 'warn',
    },
    legacy: versionsInFile(join(data, 'products.json')),
    new: versionsOf(
      control,
      'SELECT id::text AS key, stock AS version FROM products WHERE id = ANY ($1::uuid[]) AND deleted_at IS NULL',
    ),
    control,
  };
}

/** What another program reads in the file. */
function versionsInFile(file: string): VersionReader {
  return async (keys) => {
    const wanted = new Set(keys);
    const records = JSON.parse(await readFile(file, 'utf8')) as { id: string; stock: number }[];
    return new Map(records.filter(({ id }) => wanted.has(id)).map(({ id, stock }) => [id, stock]));
  };
}

const EDITS: readonly (readonly [RegExp, string])[] = [
  [
    /(\n {2}products:\n {4}path: .*\n {4}mode: legacy)/,
    '$1\n    guards: { shadowReads: 200, mismatches: 0, lag: 2s }\n    switch: { hold: 8s, budget: 7s }',
  ],
  [/(kind: json-file)/, '$1\n    timeout: 2s\n    deadline: 5s'],
  [/(kind: prisma)/, '$1\n    timeout: 2s\n    deadline: 5s'],
  [/statementTimeout: 5s/, 'statementTimeout: 2s'],
  [/module: operations\//g, `module: ${FOLDER}/operations/`],
  [/schema: prisma\//g, `schema: ${FOLDER}/prisma/`],
];

/** System S's products, on the main road. */
export const shop: TourSystem = {
  name: 'shop',
  resource: 'products',
  subject: products,
  roads: [MAIN_ROAD],
  startPlace,
  config: async (endings) => await configOf(endings, join(FOLDER, 'routes.config.yaml'), EDITS),
};

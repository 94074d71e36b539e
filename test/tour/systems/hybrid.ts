import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MongoClient, ObjectId } from 'mongodb';
import pg from 'pg';
import { fillAt } from '../../../examples/hybrid/data.ts';
import { tokenFor } from '../../../examples/hybrid/token.ts';
import { type Accounts, makeDatabase, withClient } from '../../../src/quickstart/accounts.ts';
import { startEmbeddedPostgres } from '../../../src/quickstart/embedded-postgres.ts';
import type { Random } from '../../../src/quickstart/random.ts';
import { translateId } from '../../../src/mapping/ids.ts';
import { configOf } from '../../harness/gateway.ts';
import { startMongo } from '../../harness/mongo.ts';
import { changeTo, type StoreQuery, type Subject, versionsOf } from '../../load/subjects.ts';
import { FOLDER, SECRET } from '../../systems/hybrid/place.ts';
import type { Endings } from '../endings.ts';
import { MAIN_ROAD, MERGED_ROAD, type Place, type TourSystem } from '../system.ts';

const DATABASE = 'backoffice';
const LOGIN = { password: 'tour' } as const;
const ACCOUNTS: Accounts = {
  owner: { user: 'tour_owner', ...LOGIN },
  gateway: { user: 'tour_gateway', ...LOGIN },
  reports: { user: 'tour_reports', ...LOGIN },
};

/** Products: the stock is the version, the name goes with it. */
const products: Subject = {
  path: '/api/ecom/products',
  headers: { authorization: `Bearer ${await tokenFor('tour', 'ws-north', SECRET)}` },
  newKey: (random: Random) => Array.from({ length: 24 }, () => random.int(0, 15).toString(16)).join(''),
  version: 'stock',
  text: 'name',
  group: 'sku',
  whole: (label, group, version) => ({
    ...changeTo(products, version),
    sku: group,
    price: 12.34,
    attributes: { of: label },
  }),
};

/** A MongoDB and a Postgres that forget nothing. */
async function startPlace(endings: Endings, records: number): Promise<Place> {
  const folder = await mkdtemp(join(tmpdir(), 'banyan-tour-'));
  endings.teardown(() => rm(folder, { recursive: true, force: true }));
  // Started by root, Postgres runs under another account, which must get there.
  await chmod(folder, 0o755);
  const log = (line: string) => console.log(`  ${line}`);
  const postgres = await startEmbeddedPostgres({ folder: join(folder, 'postgres'), use: 'exclusive', log });
  endings.teardown(() => postgres.stop());
  await withClient(postgres.url('postgres'), (client) => makeDatabase(client, 'hybrid', ACCOUNTS));
  const mongo = await startMongo({ folder: join(folder, 'mongo'), log });
  endings.teardown(() => mongo.stop());
  await fillAt(mongo.url, DATABASE, { orders: 2 * records, seed: 1, only: ['products'] });
  const client = new MongoClient(mongo.url);
  endings.teardown(() => client.close());
  const collection = client.db(DATABASE).collection('products');
  const pool = new pg.Pool({ connectionString: postgres.url('hybrid'), max: 2 });
  pool.on('error', () => undefined);
  endings.teardown(() => pool.end());
  const control: StoreQuery = async (text, parameters = []) =>
    (await pool.query<Record<string, unknown>>(text, parameters)).rows;
  const inPostgres = versionsOf(
    control,
    'SELECT id::text AS key, stock AS version FROM products WHERE id = ANY ($1::uuid[])',
  );
  return {
    env: {
      MONGO_URL: mongo.url,
      MONGO_DATABASE: DATABASE,
      DATABASE_URL: postgres.url('hybrid', ACCOUNTS.gateway),
      DATABASE_OWNER_URL: postgres.url('hybrid', ACCOUNTS.owner),
      JWT_SECRET: SECRET,
      LOG_LEVEL: process.env.LOG_LEVEL ?? 'warn',
    },
    legacy: async (keys) => {
      const found = await collection.find({ _id: { $in: keys.map((key) => new ObjectId(key)) } }).toArray();
      return new Map(found.map(({ _id, stock }) => [String(_id), Number(stock ?? 0)]));
    },
    new: async (keys) => {
      const uuids = new Map(keys.map((key) => [translateId('objectid', 'uuid', key) as string, key]));
      const found = await inPostgres([...uuids.keys()]);
      return new Map([...found].map(([uuid, version]) => [uuids.get(uuid) as string, version]));
    },
    control,
  };
}

const EDITS: readonly (readonly [RegExp, string])[] = [
  [
    /(\n {2}products:\n {4}path: .*\n {4}mode: legacy)/,
    '$1\n    guards: { shadowReads: 200, mismatches: 0, lag: 2s }\n    switch: { hold: 8s, budget: 7s }',
  ],
  [/timeout: 3s\n {4}deadline: 8s/g, 'timeout: 2s\n    deadline: 5s'],
  [/statementTimeout: 3s/, 'statementTimeout: 2s'],
  [/module: operations\//g, `module: ${FOLDER}/operations/`],
  [/schema: prisma\//g, `schema: ${FOLDER}/prisma/`],
];

/** System H's products, on both roads. */
export const hybrid: TourSystem = {
  name: 'hybrid',
  resource: 'products',
  subject: products,
  roads: [MAIN_ROAD, MERGED_ROAD],
  startPlace,
  config: async (endings) => await configOf(endings, join(FOLDER, 'routes.config.yaml'), EDITS),
};

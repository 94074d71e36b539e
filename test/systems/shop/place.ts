import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { type FILES, makeData, writeData, type ShopData } from '../../../examples/shop/data.ts';
import { modeOf } from '../../harness/api.ts';
import { configOf, type TestConfig } from '../../harness/gateway.ts';
import { applyMigrations } from '../../harness/migrations.ts';
import { createDatabase, ROOT, type Teardown, type TestDatabase } from '../../harness/postgres.ts';
import { until } from '../../harness/wait.ts';

export const FOLDER = resolve(ROOT, 'examples/shop');

/** Every resource and its file, parents before children. */
export const RESOURCES: Readonly<Record<string, (typeof FILES)[number]>> = {
  users: 'users',
  products: 'products',
  carts: 'carts',
  'cart-items': 'cart_items',
  orders: 'orders',
  'order-items': 'order_items',
  leads: 'leads',
  events: 'analytics_events',
};

/** Real files and a real Postgres around the gateways of a test. */
export interface Shop {
  env: Record<string, string>;
  /** Folder of the JSON files. */
  data: string;
  new: TestDatabase;
  config: TestConfig;
  /** The records of a file, as another program reads them. */
  file(name: (typeof FILES)[number]): Promise<Record<string, unknown>[]>;
  /** Asks for a mode of every resource by an edit of the file, and waits until all are there. */
  moveAll(mode: string, only?: readonly string[]): Promise<void>;
}

/** Edits that make the road quick to walk, and paths that hold from another folder. */
const QUICK: readonly (readonly [RegExp, string])[] = [
  [
    /(\n    mode: legacy)(\n    legacy: \{ store)/g,
    '$1\n    guards: { shadowReads: 0, mismatches: 0, lag: 2s }\n    deadLetters: { attempts: 2, backoff: 50ms, longest: 200ms }$2',
  ],
  [/(kind: json-file)/, '$1\n    timeout: 3s\n    deadline: 6s'],
  [/module: operations\//g, `module: ${FOLDER}/operations/`],
  [/schema: prisma\//g, `schema: ${FOLDER}/prisma/`],
];

/** `migrate`: false leaves the tables to the gateway. */
export async function startShop(
  t: Teardown,
  {
    users = 20,
    seed = 11,
    dirty = false,
    migrate = true,
  }: { users?: number; seed?: number; dirty?: boolean; migrate?: boolean } = {},
): Promise<Shop & { given: ShopData }> {
  const data = await mkdtemp(join(tmpdir(), 'banyan-shop-'));
  t.teardown(() => rm(data, { recursive: true, force: true }));
  const given = makeData({ users, seed, dirty });
  await writeData(data, given);
  const database = await createDatabase(t);
  if (migrate) await applyMigrations(database.accounts.owner, join(FOLDER, 'prisma/migrations'));
  const config = await configOf(t, join(FOLDER, 'routes.config.yaml'), QUICK);
  return {
    given,
    data,
    config,
    new: database,
    env: {
      SHOP_DATA: data,
      DATABASE_URL: database.accounts.gateway,
      DATABASE_OWNER_URL: database.accounts.owner,
      REPORTS_DATABASE_URL: database.accounts.reports,
      LOG_LEVEL: 'info',
    },
    file: async (name) =>
      JSON.parse(await readFile(join(data, `${name}.json`), 'utf8')) as Record<string, unknown>[],
    moveAll: async (mode, only = Object.keys(RESOURCES)) => {
      const edited = only.reduce(
        (text, name) =>
          text.replace(new RegExp(`(\\n  ${name}:\\n    path: .*\\n    mode: )[\\w-]+`), `$1${mode}`),
        config.text,
      );
      await config.write(edited);
      for (const name of only) {
        await until(async () => (await modeOf(database, name)) === mode, {
          what: `${name} is in mode ${mode}`,
          timeout: 90_000,
        }).catch(async (error: Error) => {
          const sql = 'SELECT mode, source, refusal FROM banyan.wanted WHERE resource = $1';
          throw new Error(
            `${error.message}; asked for: ${JSON.stringify(await database.query(sql, [name]))}`,
          );
        });
      }
    },
  };
}

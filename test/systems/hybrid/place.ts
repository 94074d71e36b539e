import { join, resolve } from 'node:path';
import type { Document } from 'mongodb';
import { fill, makeData } from '../../../examples/hybrid/data.ts';
import { tokenFor } from '../../../examples/hybrid/token.ts';
import { modeOf, send, type Answer } from '../../harness/api.ts';
import { configOf, type TestConfig } from '../../harness/gateway.ts';
import { createMongoDatabase, type MongoDatabase, type MongoServer } from '../../harness/mongo.ts';
import { applyMigrations } from '../../harness/migrations.ts';
import { createDatabase, ROOT, type Teardown, type TestDatabase } from '../../harness/postgres.ts';
import { until } from '../../harness/wait.ts';

export const FOLDER = resolve(ROOT, 'examples/hybrid');
export const SECRET = 'a secret of the tests of the back office';

/** Parents before children. */
export const MOVING = ['clients', 'products', 'orders', 'transactions'] as const;

/** Real stores around the gateways of a test. */
export interface Hybrid {
  env: Record<string, string>;
  mongo: MongoDatabase;
  new: TestDatabase;
  config: TestConfig;
  given: ReturnType<typeof makeData>;
  /** Documents of a collection in the order of their ids. */
  documents(name: string, filter?: Document): Promise<Document[]>;
  /** Moves resources by an edit of the file, one after the other, and waits until each is there. */
  move(mode: string, only?: readonly string[]): Promise<void>;
}

/** Edits that make the road quick to walk, and paths that hold from another folder. */
const QUICK: readonly (readonly [RegExp, string])[] = [
  [
    /(\n    mode: legacy)/g,
    '$1\n    guards: { shadowReads: 0, mismatches: 0, lag: 2s }\n    deadLetters: { attempts: 2, backoff: 50ms, longest: 200ms }',
  ],
  [/module: operations\//g, `module: ${FOLDER}/operations/`],
  [/schema: prisma\//g, `schema: ${FOLDER}/prisma/`],
];

/** `migrate`: false leaves the tables to the gateway. */
export async function startHybrid(
  t: Teardown,
  server: MongoServer,
  {
    orders = 40,
    seed = 5,
    mongoUrl = server.url,
    migrate = true,
  }: { orders?: number; seed?: number; mongoUrl?: string; migrate?: boolean } = {},
): Promise<Hybrid> {
  const mongo = await createMongoDatabase(server, t);
  await fill(mongo.db, { orders, seed });
  const database = await createDatabase(t);
  if (migrate) await applyMigrations(database.accounts.owner, join(FOLDER, 'prisma/migrations'));
  const config = await configOf(t, join(FOLDER, 'routes.config.yaml'), QUICK);
  const isThere = async (name: string, mode: string) =>
    await until(async () => (await modeOf(database, name)) === mode, {
      what: `${name} is in mode ${mode}`,
      timeout: 60_000,
    }).catch(async (error: Error) => {
      const sql = 'SELECT mode, source, refusal FROM banyan.wanted WHERE resource = $1';
      throw new Error(`${error.message}; asked for: ${JSON.stringify(await database.query(sql, [name]))}`);
    });
  return {
    mongo,
    config,
    new: database,
    given: makeData({ orders, seed }),
    env: {
      MONGO_URL: mongoUrl,
      MONGO_DATABASE: mongo.name,
      DATABASE_URL: database.accounts.gateway,
      DATABASE_OWNER_URL: database.accounts.owner,
      JWT_SECRET: SECRET,
      LOG_LEVEL: 'info',
    },
    documents: async (name, filter = {}) =>
      await mongo.db.collection(name).find(filter).sort({ _id: 1 }).toArray(),
    move: async (mode, only = MOVING) => {
      for (const name of only) {
        await config.setMode(name, mode);
        await isThere(name, mode);
      }
    },
  };
}

/** Requests of one caller: who, and in which workspace. */
export interface Person {
  get(path: string): Promise<Answer>;
  post(path: string, body: unknown): Promise<Answer>;
  patch(path: string, body: unknown): Promise<Answer>;
  remove(path: string): Promise<Answer>;
  /** Every record of a list, page by page. */
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  all(path: string, limit?: number): Promise<any[]>;
}

export async function person(url: string, workspaceId: string, subject = 'user-9'): Promise<Person> {
  const headers = { authorization: `Bearer ${await tokenFor(subject, workspaceId, SECRET)}` };
  const get = async (path: string) => await send(url, 'GET', `/api/ecom/${path}`, undefined, headers);
  return {
    get,
    post: async (path, body) => await send(url, 'POST', `/api/ecom/${path}`, body, headers),
    patch: async (path, body) => await send(url, 'PATCH', `/api/ecom/${path}`, body, headers),
    remove: async (path) => await send(url, 'DELETE', `/api/ecom/${path}`, undefined, headers),
    all: async (path, limit = 7) => {
      const records: unknown[] = [];
      for (let cursor = ''; records.length < 10_000;) {
        const sign = path.includes('?') ? '&' : '?';
        const { body, status } = await get(`${path}${sign}limit=${limit}${cursor}`);
        if (status !== 200) throw new Error(`GET ${path}: ${status} ${JSON.stringify(body)}`);
        records.push(...(body.data as unknown[]));
        const next = (body.pagination as { nextCursor: string | null }).nextCursor;
        if (next === null) break;
        cursor = `&cursor=${encodeURIComponent(next)}`;
      }
      return records;
    },
  };
}

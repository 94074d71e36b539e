import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseJson, stringifyJson, type Row } from '../../src/domain/values.ts';
import { call } from '../cli/place.ts';
import { startGateway, type GatewayProcess } from '../harness/gateway.ts';
import { applyMigrations } from '../harness/migrations.ts';
import { createDatabase, ROOT, type Teardown, type TestDatabase } from '../harness/postgres.ts';

/** A product whose legacy is a JSON file with ObjectIds, and whose new side has UUIDs. */
export interface Shop {
  new: TestDatabase;
  /** The lists of the legacy file; what is given takes their place. */
  read(): Promise<Record<string, Row[]>>;
  write(lists: Record<string, Row[]>): Promise<void>;
  /** One command with `--json`: the exit status and the document. */
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  json(command: string): Promise<{ exit: number; document: any }>;
  /** Commands that must succeed, in order. */
  did(...commands: string[]): Promise<void>;
  gateway(): Promise<GatewayProcess>;
  folder: string;
}

const CONFIG = (folder: string) => `
server: { port: "\${PORT:-8080}" }
stores:
  files: { kind: json-file, path: ${join(folder, 'legacy.json')}, timeout: 5s, deadline: 10s }
  new:
    kind: prisma
    url: \${DATABASE_URL}
    ownerUrl: \${DATABASE_OWNER_URL}
    schema: ${resolve(ROOT, 'test/mapping/shop/schema.prisma')}
    timeout: 5s
    deadline: 12s
    statementTimeout: 5s
resources:
  categories:
    path: /categories
    mode: legacy
    legacy: { store: files, table: categories, key: _id }
    new: { store: new, model: Category }
    ids: { legacy: objectid }
    backfill: { start: manual }
    deadLetters: { attempts: 2, backoff: 100ms }
    guards: { shadowReads: 0 }
    query: { filters: [parentId, id], sort: [name] }
  products:
    path: /products
    mode: legacy
    legacy: { store: files, table: products, key: _id }
    new: { store: new, model: Product }
    ids: { legacy: objectid }
    fields:
      references: { relatedIds: products }
      defaults: { status: { value: draft, back: missing } }
      rest: extra
      nulls: missing
    deadLetters: { attempts: 2, backoff: 100ms }
    guards: { shadowReads: 0 }
    query: { filters: [categoryId, status, sku], sort: [sku, price] }
  orders:
    path: /orders
    mode: legacy
    legacy: { store: files, table: orders, key: _id }
    new: { store: new, model: Order }
    ids: { legacy: objectid }
    fields:
      split: { lines: { model: OrderLine, parent: orderId, order: position } }
    backfill: { start: manual }
    deadLetters: { attempts: 2, backoff: 100ms }
    guards: { shadowReads: 0 }
    query: { filters: [number], sort: [-placedAt, number] }
  notes:
    path: /notes
    mode: legacy
    legacy: { store: files, table: notes }
    new: { store: new, model: Note }
    ids: { legacy: int }
    guards: { shadowReads: 0 }
  people:
    path: /people
    mode: legacy
    legacy: { store: files, table: people }
    new: { store: new, model: Person }
    ids: { legacy: text }
    fields:
      custom: [{ module: ${resolve(ROOT, 'test/mapping/shop/names.ts')}, fields: [first, last], columns: { name: text } }]
    backfill: { start: manual, chunk: 2 }
    deadLetters: { attempts: 1 }
    guards: { shadowReads: 0 }
`;

export async function openShop(t: Teardown, lists: Record<string, Row[]>): Promise<Shop> {
  const folder = await mkdtemp(join(tmpdir(), 'banyan-shop-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const database = await createDatabase(t);
  await applyMigrations(database.accounts.owner, resolve(ROOT, 'test/mapping/shop/migrations'));
  const [legacy, file] = [join(folder, 'legacy.json'), join(folder, 'routes.config.yaml')];
  const write: Shop['write'] = async (next) => {
    const present = await read().catch(() => ({
      categories: [],
      products: [],
      orders: [],
      notes: [],
      people: [],
    }));
    await writeFile(legacy, stringifyJson({ ...present, ...next }));
  };
  const read: Shop['read'] = async () =>
    parseJson(await readFile(legacy, 'utf8')) as unknown as Record<string, Row[]>;
  await write(lists);
  await writeFile(file, CONFIG(folder));
  const env = { DATABASE_URL: database.accounts.gateway, DATABASE_OWNER_URL: database.accounts.owner };
  const banyan = async (command: string) =>
    await call(
      [...command.split(' '), '--json'],
      { ...env, BANYAN_CONFIG: file, BANYAN_ACTOR: 'ada' },
      folder,
    );
  const shop: Shop = {
    new: database,
    folder,
    read,
    write,
    async json(command) {
      const { exit, out } = await banyan(command);
      return { exit, document: JSON.parse(out) };
    },
    async did(...commands) {
      for (const command of commands) {
        const { exit, out, err } = await banyan(command);
        if (exit !== 0) throw new Error(`banyan ${command} ended with ${exit}:\n${out}${err}`);
      }
    },
    gateway: async () =>
      await startGateway(t, {
        config: { file, text: '', write: async () => {}, setMode: async () => {} },
        env,
      }),
  };
  await shop.did('migrate');
  return shop;
}

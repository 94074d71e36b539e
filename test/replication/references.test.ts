import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import SQLite from 'better-sqlite3';
import t from 'tap';
import { bindSnapshot, closeUnused } from '../../src/app/bind.ts';
import { migrateAll } from '../../src/app/migrate.ts';
import { loadConfig } from '../../src/config/load.ts';
import { NOBODY } from '../../src/domain/callers.ts';
import { MODES } from '../../src/domain/modes.ts';
import type { Key, Mode } from '../../src/domain/words.ts';
import { refuseForeignParents } from '../../src/gateway/parents.ts';
import type { ResourceRuntime } from '../../src/gateway/runtime.ts';
import { perform } from '../../src/gateway/write-verbs.ts';
import { SILENT } from '../../src/observability/log.ts';
import { MergedPlace } from '../../src/replication/places.ts';
import type { BoundResource } from '../../src/replication/resource.ts';
import { Syncer } from '../../src/replication/syncer.ts';
import { readStates, registerResources } from '../../src/state/resources.ts';
import { failsWith } from '../contracts/failing.ts';
import { createDatabase } from '../harness/postgres.ts';

const SCHEMA = `
datasource db {
  provider = "postgresql"
}
model Order {
  id    String @id @db.Uuid
  lines Line[]
  @@map("orders")
}
model Line {
  orderId     String       @map("order_id") @db.Uuid
  number      Int
  previous    Int?
  order       Order        @relation(fields: [orderId], references: [id])
  before      Line?        @relation("steps", fields: [previous, orderId], references: [number, orderId])
  after       Line[]       @relation("steps")
  allocations Allocation[]
  @@id([orderId, number])
  @@map("lines")
}
model Allocation {
  id         Int    @id
  lineNumber Int    @map("line_number")
  orderId    String @map("order_id") @db.Uuid
  line       Line   @relation(fields: [lineNumber, orderId], references: [number, orderId])
  @@map("allocations")
}
model Remark {
  id      Int     @id
  orderId String? @map("order_id") @db.Uuid
  number  Int?
  @@map("remarks")
}
model Parcel {
  id     String  @id @db.Uuid
  pieces Piece[]
  @@map("parcels")
}
model Slot {
  parcelId String  @map("parcel_id") @db.Uuid
  number   Int
  pieces   Piece[]
  @@id([parcelId, number])
  @@map("slots")
}
model Piece {
  parcelId String @map("parcel_id") @db.Uuid
  position Int
  slot     Int?
  parcel   Parcel @relation(fields: [parcelId], references: [id])
  place    Slot?  @relation(fields: [slot, parcelId], references: [number, parcelId])
  @@id([parcelId, position])
  @@map("pieces")
}
`;

const CONFIG = (folder: string) => `
stores:
  old: { kind: sql, url: "sqlite:${join(folder, 'legacy.db')}", timeout: 5s, deadline: 10s }
  new: { kind: prisma, url: "\${DATABASE_URL}", schema: schema.prisma, timeout: 5s, deadline: 12s, statementTimeout: 5s }
resources:
  orders:
    path: /orders
    mode: legacy
    legacy: { store: old, table: orders }
    new: { store: new, model: Order }
    ids: { legacy: int }
  lines:
    path: /lines
    mode: legacy
    legacy: { store: old, table: lines, key: [order_id, number] }
    new: { store: new, model: Line }
    fields: { case: snake }
  allocations:
    path: /allocations
    mode: legacy
    legacy: { store: old, table: allocations }
    new: { store: new, model: Allocation }
    fields: { case: snake }
  remarks:
    path: /remarks
    mode: legacy
    legacy: { store: old, table: remarks }
    new: { store: new, model: Remark }
    fields: { case: snake, references: { orderId~number: lines } }
  parcels:
    path: /parcels
    mode: legacy
    legacy: { store: old, table: parcels }
    new: { store: new, model: Parcel }
    ids: { legacy: int }
    fields: { split: { pieces: { model: Piece, parent: parcelId, order: position } } }
  slots:
    path: /slots
    mode: legacy
    legacy: { store: old, table: slots, key: [parcel_id, number] }
    new: { store: new, model: Slot }
    fields: { case: snake, references: { parcelId: parcels } }
`;

const folder = await mkdtemp(join(tmpdir(), 'banyan-references-'));
const file = join(folder, 'routes.config.yaml');
await writeFile(file, CONFIG(folder));
await writeFile(join(folder, 'schema.prisma'), SCHEMA);
const legacy = new SQLite(join(folder, 'legacy.db'));
legacy.exec(`
  CREATE TABLE orders (id INTEGER PRIMARY KEY);
  CREATE TABLE lines (order_id INTEGER, number INTEGER, previous INTEGER, PRIMARY KEY (order_id, number));
  CREATE TABLE allocations (id INTEGER PRIMARY KEY, line_number INTEGER, order_id INTEGER);
  CREATE TABLE remarks (id INTEGER PRIMARY KEY, order_id INTEGER, number INTEGER);
  CREATE TABLE parcels (id INTEGER PRIMARY KEY, pieces JSON);
  CREATE TABLE slots (parcel_id INTEGER, number INTEGER, PRIMARY KEY (parcel_id, number));
  INSERT INTO parcels VALUES (1, '[{"slot": 5}, {"slot": null}, {"slot": 6}]');
  INSERT INTO slots VALUES (1, 5), (1, 6), (1, 7), (2, 5);
  INSERT INTO orders VALUES (1), (2), (3);
  INSERT INTO lines VALUES (1, 10, NULL), (2, 10, 20), (2, 20, 10), (3, 10, NULL);
  INSERT INTO allocations VALUES (7, 10, 1), (8, 20, 2), (9, 99, 3);
  INSERT INTO remarks VALUES (5, 3, 10), (6, 3, NULL);`);
const database = await createDatabase(t);
await database.query(`
  CREATE TABLE orders (id uuid PRIMARY KEY);
  CREATE TABLE lines (order_id uuid REFERENCES orders, number int, previous int, PRIMARY KEY (order_id, number),
    FOREIGN KEY (previous, order_id) REFERENCES lines (number, order_id));
  CREATE TABLE allocations (id int PRIMARY KEY, line_number int NOT NULL, order_id uuid NOT NULL,
    FOREIGN KEY (line_number, order_id) REFERENCES lines (number, order_id));
  CREATE TABLE remarks (id int PRIMARY KEY, order_id uuid, number int,
    FOREIGN KEY (order_id, number) REFERENCES lines);
  CREATE TABLE parcels (id uuid PRIMARY KEY);
  CREATE TABLE slots (parcel_id uuid, number int, PRIMARY KEY (parcel_id, number));
  CREATE TABLE pieces (parcel_id uuid REFERENCES parcels, position int, slot int, PRIMARY KEY (parcel_id, position),
    FOREIGN KEY (slot, parcel_id) REFERENCES slots (number, parcel_id));`);
const loaded = loadConfig({ file, env: { DATABASE_URL: database.url } });
if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
const binding = await bindSnapshot(loaded.snapshot, () => {});
t.teardown(async () => {
  await closeUnused(binding);
  legacy.close();
  await rm(folder, { recursive: true });
});
await migrateAll(binding);
await registerResources(binding.database, [...binding.resources.keys()]);
const openIn = (mode: Mode) =>
  `UPDATE banyan.resource SET epoch = epoch + 1, mode = '${mode}', "primary" = '${MODES[mode].primary}';`;
await database.query(openIn('dual-write'));
const states = new Map((await readStates(binding.database)).map((state) => [state.resource, state]));
const syncers = new Map<string, Syncer>();
for (const [name, resource] of binding.resources) {
  const state = () => states.get(name);
  const syncerOf = (other: string) => syncers.get(other);
  const syncer = new Syncer({ resource, state, syncerOf, log: SILENT });
  // Its queue never starts: what is synced is what a test asks for.
  await syncer.close();
  syncers.set(name, syncer);
}
const sync = async (resource: string, key: string) => {
  const result = await syncers.get(resource)?.syncNow([key]);
  return { synced: result?.synced, refused: result?.refused.map(({ error }) => error.message) };
};
const numbers = async (table: string) =>
  (await database.query<{ number: number }>(`SELECT number FROM ${table} ORDER BY 1`)).map(
    (row) => row.number,
  );
t.beforeEach(() =>
  database.query(
    `${openIn('legacy')} DELETE FROM pieces; DELETE FROM slots; DELETE FROM parcels; DELETE FROM allocations; DELETE FROM remarks; DELETE FROM lines; DELETE FROM orders; ${openIn('dual-write')}`,
  ),
);

t.test(
  'a record is synced after the composite parent that it refers to, and that after its own',
  async (t) => {
    t.same(await sync('allocations', '7'), { synced: ['7'], refused: [] });
    t.same(await numbers('lines'), [10]);
    const joined = await database.query(
      'SELECT a.id FROM allocations a JOIN lines l ON (l.order_id, l.number) = (a.order_id, a.line_number) JOIN orders o ON o.id = l.order_id',
    );
    t.same(joined, [{ id: 7 }], 'and its parts are in the form of the new side');
  },
);

t.test('composite parents that refer to each other come together', async (t) => {
  t.same(await sync('allocations', '8'), { synced: ['8'], refused: [] });
  t.same(await numbers('lines'), [10, 20]);
});

t.test('a reference that only the configuration declares is followed too; half of one is none', async (t) => {
  t.same(await sync('remarks', '5'), { synced: ['5'], refused: [] });
  t.same(await numbers('lines'), [10]);
  t.same(await sync('remarks', '6'), { synced: ['6'], refused: [] });
});

t.test('a record whose composite parent is nowhere is refused, and nothing is made up for it', async (t) => {
  const { synced, refused } = await sync('allocations', '9');
  t.same(synced, []);
  t.match(refused, [/lacks the record referred to/]);
  t.same(await numbers('lines'), []);
});

t.test("a change of half of a reference cannot make it one to another tenant's record", async (t) => {
  const [allocations, lines] = ['allocations', 'lines'].map(
    (name) => binding.resources.get(name) as BoundResource,
  );
  if (!allocations || !lines) throw new Error('not bound');
  const access = { ...lines.settings.access, tenant: { field: 'orderId', claim: 'org' } };
  const runtime = {
    resource: allocations,
    peer: () => ({ resource: { ...lines, settings: { ...lines.settings, access } } }),
    routes: {
      beginRead: () => Promise.resolve(states.get('allocations')),
      state: () => states.get('allocations'),
    },
  } as unknown as ResourceRuntime;
  const asked: Key[] = [];
  const look = (_parent: ResourceRuntime, _caller: unknown, key: Key) => {
    asked.push(key);
    return Promise.resolve(false);
  };
  const change = async (record: Record<string, number>) => {
    await refuseForeignParents(runtime, NOBODY, record, '7', undefined, look);
  };
  const { details } = await failsWith(t, 'reference-missing', change({ lineNumber: 20 }));
  t.same(details, { field: 'orderId', fields: ['orderId', 'lineNumber'] });
  t.same(asked, [lines.mapping.ids.ofId([1, 20])], 'with the half that stays');
  await change({});
  t.equal(asked.length, 1, 'what is not changed is not looked at');
});

const legacyId = (resource: string, id: string): Key =>
  (binding.resources.get(resource) as BoundResource).mapping.ids.fromSide('legacy', id);

t.test('children bring what they refer to by a part of their own and the id of their parent', async (t) => {
  const key = legacyId('parcels', '1');
  t.same(await sync('parcels', key), { synced: [key], refused: [] });
  t.same(await numbers('slots'), [5, 6]);
  const joined = await database.query<{ position: number }>(
    'SELECT position FROM pieces JOIN slots ON (slots.parcel_id, number) = (pieces.parcel_id, slot) ORDER BY 1',
  );
  t.same(
    joined.map(({ position }) => position),
    [0, 2],
  );
});

t.test(
  'in merged a change of half of a composite reference brings the parent that it then refers to',
  async (t) => {
    await database.query(openIn('merged'));
    for (const state of await readStates(binding.database)) states.set(state.resource, state);
    const [resource, syncer] = [binding.resources.get('allocations'), syncers.get('allocations')];
    const state = states.get('allocations');
    if (!resource || !syncer || !state) throw new Error('not bound');
    const syncParents = syncer.syncParents.bind(syncer);
    const merged = new MergedPlace(resource, state.generation, performance.now(), (records) =>
      syncParents(records),
    );
    const runtime = { resource, syncer } as unknown as ResourceRuntime;
    const orderId = legacyId('orders', '2');
    const change = {
      verb: 'change',
      key: '7',
      record: { orderId },
      repeated: false,
      caller: NOBODY,
    } as const;
    const changed = await perform(runtime, merged, { ...change, tenant: null });
    t.match(changed, { id: 7, orderId: 2, lineNumber: 10 });
    const joined = await database.query(
      'SELECT a.id FROM allocations a JOIN lines l ON (l.order_id, l.number) = (a.order_id, a.line_number) WHERE l.order_id = $1',
      [orderId],
    );
    t.same(joined, [{ id: 7 }]);
  },
);

import t from 'tap';
import type { GuardContext } from '../../src/control/guards/guard.ts';
import { GUARDS } from '../../src/control/guards/index.ts';
import { NOBODY } from '../../src/domain/callers.ts';
import type { ResourceSettings } from '../../src/domain/configuration.ts';
import type { FieldSpec, ModelSpec } from '../../src/domain/model.ts';
import { Mapping } from '../../src/mapping/mapping.ts';
import { openDatabase } from '../../src/postgres/database.ts';
import { startSupabaseLite } from '../../src/quickstart/supabase-lite.ts';
import { findOrphans } from '../../src/replication/orphans.ts';
import { pull } from '../../src/replication/pull.ts';
import { bindResource } from '../../src/replication/resource.ts';
import { installCapture } from '../../src/state/capture.ts';
import { markForRepair, orphanedMarks } from '../../src/state/journal.ts';
import { migrateControl } from '../../src/state/migrate.ts';
import { readState, registerResources } from '../../src/state/resources.ts';
import { PrismaStore } from '../../src/stores/prisma/store.ts';
import { SupabaseStore } from '../../src/stores/supabase/store.ts';
import { startFaultProxy } from '../harness/fault-proxy.ts';
import { Interrupts, interrupted } from '../harness/interrupts.ts';
import { createDatabase } from '../harness/postgres.ts';
import { until } from '../harness/wait.ts';
import { settingsFor } from '../stores/prisma/place.ts';
import { openCoordinator, openReplica, type Place } from './place.ts';
import { runWrite } from '../../src/gateway/writes.ts';

/** A resource whose keys only the stores draw, which system E has not: tickets with serial numbers on both sides. */
const TABLE = 'CREATE TABLE tickets (id serial PRIMARY KEY, title text NOT NULL)';
const [legacyDatabase, newDatabase] = [await createDatabase(t), await createDatabase(t)];
await legacyDatabase.query(TABLE);
await newDatabase.query(TABLE);
const key = 'sb_secret_of_the_tickets';
const lite = await startSupabaseLite({ databaseUrl: legacyDatabase.url, secretKey: key });
const way = await startFaultProxy({ target: { host: '127.0.0.1', port: lite.port } });
const timing = { timeout: 3_000, deadline: 5_000 };
const stores = {
  legacy: new SupabaseStore(
    'erp',
    { kind: 'supabase', url: way.url(lite.url), key, pool: { max: 5, wait: 2_000 }, ...timing },
    () => {},
  ),
  new: new PrismaStore('new', settingsFor(newDatabase.url), () => {}),
};
const database = openDatabase({
  title: 'control',
  role: 'control',
  url: newDatabase.url,
  max: 6,
  wait: 5_000,
  timeout: 10_000,
  statementTimeout: 10_000,
});
t.teardown(async () => {
  await Promise.all([stores.legacy.close(), stores.new.close(), database.close(), way.close()]);
  await lite.stop();
});

const field = (name: string, more: Partial<FieldSpec>): FieldSpec => ({
  name,
  column: name,
  type: 'text',
  list: false,
  nullable: false,
  hasDefault: false,
  touched: false,
  maxLength: null,
  precision: null,
  values: null,
  ...more,
});
const model: ModelSpec = {
  name: 'Ticket',
  table: 'tickets',
  keys: [{ name: 'id', type: 'int' }],
  key: 'id',
  keyType: 'int',
  keyFromSequence: true,
  fields: [field('id', { type: 'int', hasDefault: true }), field('title', {})],
  references: [],
};
const settings = {
  access: { tenant: null, stamp: {}, roles: {}, anonymous: [], audit: false },
  name: 'tickets',
  fields: { case: 'snake', rename: {}, types: {} },
  shadow: { sample: 1, ignore: [] },
  live: { sample: 0 },
  guards: { shadowReads: 0, mismatches: 0, lag: 2_000 },
  switch: { hold: 10_000, budget: 20_000 },
  ack: 'primary',
} as unknown as ResourceSettings;
const mapping = new Mapping(model, { name: 'tickets', key: 'id' }, settings.fields);
const tickets = bindResource(settings, mapping, stores, { legacy: timing, new: timing }, database, []);

await migrateControl(database);
await installCapture(database, { resource: 'tickets', table: 'tickets', keys: ['id'] });
await registerResources(database, ['tickets']);

const place = { companies: tickets, binding: { database } } as unknown as Place;
const state = async () => (await readState(database, 'tickets'))!;
const titles = async (side: typeof newDatabase) =>
  (await side.query<{ id: number; title: string }>('SELECT id, title FROM tickets ORDER BY id')).map(
    ({ id, title }) => `${id} ${title}`,
  );
const marks = async () => await newDatabase.query('SELECT key FROM banyan.mark ORDER BY id');

async function reset(mode: 'legacy' | 'dual-write' | 'shadow') {
  await way.pass();
  await newDatabase.query(`
    UPDATE banyan.resource SET epoch = epoch + 1, stage = 'open', mode = 'legacy', "primary" = 'legacy';
    DELETE FROM tickets; DELETE FROM banyan.mark; DELETE FROM banyan.replica; ALTER SEQUENCE tickets_id_seq RESTART;
    UPDATE banyan.resource SET epoch = epoch + 1, mode = '${mode}';`);
  await legacyDatabase.query('DELETE FROM tickets; ALTER SEQUENCE tickets_id_seq RESTART');
}

const create = async (replica: Awaited<ReturnType<typeof openReplica>>, title: string) =>
  await runWrite(replica, { verb: 'create', key: null, record: { title }, repeated: false, caller: NOBODY });

t.test(
  'D1: the mark of a create is made without a key, and its writer adds the one that legacy drew',
  async (t) => {
    await reset('dual-write');
    const legacy = new Interrupts();
    const replica = await openReplica(place, 'a', { resource: interrupted(tickets, { legacy }) });
    const request = legacy.stop('before', 'insert');
    const answer = create(replica, 'one');
    await request.reached;
    t.match(await marks(), [{ key: null }]);
    request.go();
    t.match((await answer).record, { id: 1, title: 'one' });
    t.match(await marks(), [{ key: '1' }]);
    await replica.syncer.syncNow(['1']);
    t.same([await titles(newDatabase), await marks()], [['1 one'], []]);
  },
);

t.test('D1: what a writer without an answer made is found after its deadline, and synced', async (t) => {
  await reset('dual-write');
  const replica = await openReplica(place, 'a');
  await way.cutAfter(0);
  await t.rejects(create(replica, 'lost'), { code: 'outcome-unknown' });
  await way.pass();
  await create(replica, 'after it');
  await replica.syncer.syncNow(['2']);
  t.same(await titles(newDatabase), ['2 after it'], 'a later one was synced before');
  t.match(await marks(), [{ key: null }]);
  t.same(await orphanedMarks(database, 'tickets'), [], 'it may still land');
  const due = async () => await orphanedMarks(database, 'tickets');
  await until(async () => (await due()).length > 0, { what: 'its deadline is over' });
  await findOrphans(tickets, await due());
  t.same([await titles(newDatabase), await marks()], [['1 lost', '2 after it'], []]);
});

t.test('D3: the side that becomes primary draws keys past the highest one', async (t) => {
  await reset('shadow');
  const coordinator = openCoordinator(place, tickets);
  await legacyDatabase.query(`INSERT INTO tickets (title) SELECT 'old' FROM generate_series(1, 20)`);
  const keys = Array.from({ length: 20 }, (_, index) => String(index + 1));
  await pull(tickets, keys, []);
  await coordinator.begin(await state(), 'live', 'test');
  await until(async () => (await coordinator.advance('tickets'))?.state.stage === 'open', { what: 'live' });
  const replica = await openReplica(place, 'a');
  t.match((await create(replica, 'new')).record, { id: 21 });
});

t.test('D3: keys that are synced while the resource drains are counted too', async (t) => {
  await reset('shadow');
  const next = new Interrupts();
  const coordinator = openCoordinator(place, interrupted(tickets, { new: next }));
  await legacyDatabase.query(`INSERT INTO tickets (title) VALUES ('under way')`);
  await markForRepair(database, 'tickets', ['1']);
  await coordinator.begin(await state(), 'live', 'test');
  const moved = next.stop('after', 'advanceSequence');
  const step = coordinator.advance('tickets');
  await Promise.race([moved.reached, step]);
  await pull(tickets, ['1'], []);
  moved.go();
  await step;
  await until(async () => (await coordinator.advance('tickets'))?.state.stage === 'open', { what: 'live' });
  const replica = await openReplica(place, 'a');
  t.match((await create(replica, 'new')).record, { id: 2 });
});

t.test('M4: where both sides hold records, new draws no key that legacy has', async (t) => {
  for (const mode of ['split', 'merged'] as const) {
    await reset('legacy');
    await legacyDatabase.query(`INSERT INTO tickets (title) SELECT 'old' FROM generate_series(1, 20)`);
    const coordinator = openCoordinator(place, tickets);
    await coordinator.begin(await state(), mode, 'test');
    await until(async () => (await coordinator.advance('tickets'))?.state.stage === 'open', { what: mode });
    t.match((await create(await openReplica(place, 'a'), 'new')).record, { id: 21 }, mode);
  }
});

t.test('D3: a guard says which side’s sequence cannot be set', async (t) => {
  const guard = GUARDS.find(({ name }) => name === 'sequences-ready');
  for (const step of ['shadow>live', 'live>shadow', 'split>legacy', 'merged>legacy'] as const)
    t.ok(guard?.steps.includes(step), step);
  const refusal = await guard?.check({ resource: tickets } as unknown as GuardContext);
  t.match(refusal, { reason: /^the sequence of "id" cannot be set through legacy store "erp"$/ });
});

t.end();

import t, { type Test } from 'tap';
import { NOBODY } from '../../src/domain/callers.ts';
import type { Mode } from '../../src/domain/words.ts';
import { runBatch } from '../../src/gateway/batch-writes.ts';
import { runWrite } from '../../src/gateway/writes.ts';
import { withClient } from '../../src/quickstart/accounts.ts';
import { push } from '../../src/replication/push.ts';
import { RecordSide, type Timing } from '../../src/replication/resource.ts';
import { ResilientStore } from '../../src/stores/resilient.ts';
import { Interrupts, interrupted } from '../harness/interrupts.ts';
import { until } from '../harness/wait.ts';
import { change, create, newKey, openPlace, openReplica, remove } from './place.ts';

/** What is sent again when a store fails, and what never is. */
const place = await openPlace(t);

const RETRY = { attempts: 3, pause: 5 };

/** The companies with stores that try again what certainly was not done. */
function persistent(legacy: Interrupts, timing?: Timing) {
  const { companies } = place;
  const side = (of: 'legacy' | 'new') => {
    const store = new ResilientStore(companies[of].store, { retry: RETRY }, () => {});
    return new RecordSide(of, companies.mapping, store, companies[of].timing);
  };
  const sides = { legacy: side('legacy'), new: side('new') };
  return {
    store: sides.legacy.store as ResilientStore,
    next: sides.new.store as ResilientStore,
    resource: interrupted({ ...companies, ...sides }, { legacy, ...(timing && { timing }) }),
  };
}

/** New connections to legacy are refused, and no old one is left to be taken for a good one. */
async function refuseLegacy(t: Test): Promise<void> {
  await place.legacyWay.refuse();
  await t.rejects(place.companies.legacy.store.ping(), { code: 'store-unreachable' });
}

/** Refuses legacy for the first call of a method only, and answers what that came to. */
async function refuseFirst<T>(t: Test, legacy: Interrupts, method: string, work: () => Promise<T>) {
  await refuseLegacy(t);
  const second = legacy.stop('before', method, () => legacy.count(method) === 2);
  const answer = work();
  answer.catch(() => undefined);
  await second.reached;
  await place.legacyWay.pass();
  second.go();
  return await answer;
}

for (const mode of ['legacy', 'dual-write'] as const) {
  t.test(
    `R8: in ${mode} a write that was certainly not sent is sent again, and makes no further mark`,
    async (t) => {
      await place.reset(mode);
      const legacy = new Interrupts();
      const { store, resource } = persistent(legacy);
      const replica = await openReplica(place, 'a', { resource });
      const key = newKey();
      const answer = await refuseFirst(t, legacy, 'insert', async () => await create(replica, key, 'one'));
      t.match(answer, { side: 'legacy', record: { id: key, name: 'one' } });
      t.same([legacy.count('insert'), store.figures.retries], [2, 1]);
      t.equal(await place.legacy.name(key), 'one');
      t.equal((await place.marks(key)).length, mode === 'legacy' ? 0 : 1);
    },
  );
}

t.test('R8: a write is not sent again when its mark is no longer waited for', async (t) => {
  await place.reset('dual-write');
  const legacy = new Interrupts();
  const { store, resource } = persistent(legacy, { timeout: 100, deadline: 1_000 });
  const replica = await openReplica(place, 'a', { resource });
  await refuseLegacy(t);
  const key = newKey();
  const first = legacy.stop('before', 'insert');
  const answer = create(replica, key, 'one');
  await first.reached;
  await until(async () => (await place.marks(key)).every(({ pending }) => !pending), { what: 'T is over' });
  first.go();
  await t.rejects(answer, { code: 'store-unreachable', outcome: 'not-applied' });
  t.same([legacy.count('insert'), store.figures.retries], [1, 0]);
});

t.test('R2: a write that may have been done is not sent again', async (t) => {
  await place.reset('dual-write');
  const legacy = new Interrupts();
  const { store, resource } = persistent(legacy);
  const replica = await openReplica(place, 'a', { resource });
  await place.legacyWay.cutAfter(0);
  await t.rejects(create(replica, newKey(), 'one'), { code: 'outcome-unknown', outcome: 'unknown' });
  t.same([legacy.count('insert'), store.figures.retries], [1, 0]);
});

t.test('R8: what one request tries again counts together, of its reads and of its write', async (t) => {
  await place.reset('dual-write');
  const { store, resource } = persistent(new Interrupts());
  const replica = await openReplica(place, 'a', { resource });
  await refuseLegacy(t);
  // Reads before it writes, as it may have been done before.
  const again = {
    verb: 'create',
    key: newKey(),
    record: { name: 'one' },
    repeated: true,
    caller: NOBODY,
  } as const;
  await t.rejects(runWrite(replica, again), { code: 'store-unreachable' });
  const sent = [...store.figures.requests.values()].reduce((sum, { count }) => sum + count, 0);
  t.equal(sent, 1 + RETRY.attempts);
});

const NAMES = ['one', 'two', 'three'];
const batch = (keys: readonly string[], atomic = false) => ({
  records: keys.map((key, index) => ({ key, record: { id: key, name: NAMES[index] as string } })),
  atomic,
  repeated: false,
  caller: NOBODY,
});
const inLegacy = async (keys: readonly string[]) =>
  await Promise.all(keys.map(async (key) => await place.legacy.name(key)));

t.test('R8: of a batch only those records are sent again that certainly were not made', async (t) => {
  await place.reset('dual-write');
  const legacy = new Interrupts();
  const { store, resource } = persistent(legacy);
  const replica = await openReplica(place, 'a', { resource });
  const keys = NAMES.map(newKey);
  const third = ([row]: readonly unknown[]) => (row as { name: string }).name === 'three';
  const first = legacy.stop('before', 'insert', third);
  const answer = runBatch(replica, batch(keys));
  await first.reached;
  await until(async () => (await inLegacy(keys)).filter(Boolean).length === 2, {
    what: 'the others are made',
  });
  await refuseLegacy(t);
  const second = legacy.stop('before', 'insert', third);
  first.go();
  await second.reached;
  await place.legacyWay.pass();
  second.go();
  t.match(
    (await answer).outcomes,
    NAMES.map((name) => ({ record: { name } })),
  );
  t.same([legacy.count('insert'), store.figures.retries], [4, 1]);
  t.same(await inLegacy(keys), NAMES);
});

t.test('R7a: what a sync certainly has not sent is sent again under the same lease', async (t) => {
  for (const method of ['upsertMany', 'removeMany']) {
    await place.reset('live');
    const legacy = new Interrupts();
    const { store, resource } = persistent(legacy);
    const key = newKey();
    await place.legacy.put(key, 'old');
    await place.new.put(key, 'new');
    if (method === 'removeMany') await place.new.remove(key);
    const result = await refuseFirst(t, legacy, method, async () => await push(resource, [key]));
    t.same(result.synced, [key]);
    t.same([legacy.count(method), store.figures.retries], [2, 1], method);
    t.equal(await place.legacy.name(key), method === 'removeMany' ? null : 'new');
    t.same(await place.marks(key), []);
  }
});

t.test('R7a: a sync sends nothing again when its lease is nearly over', async (t) => {
  await place.reset('live');
  const legacy = new Interrupts();
  const { store, resource } = persistent(legacy, { timeout: 100, deadline: 1_000 });
  const key = newKey();
  await place.new.put(key, 'new');
  await refuseLegacy(t);
  const first = legacy.stop('before', 'upsertMany');
  const sync = push(resource, [key]);
  sync.catch(() => undefined);
  await first.reached;
  const over = `SELECT FROM banyan.lease WHERE key = $1 AND until <= clock_timestamp()`;
  await until(async () => (await place.sides.new.query(over, [key])).length > 0, {
    what: 'the lease is over',
  });
  first.go();
  await t.rejects(sync, { code: 'store-unreachable' });
  t.same([legacy.count('upsertMany'), store.figures.retries], [1, 0]);
});

t.test('M1: in split a change and a delete of legacy are sent again', async (t) => {
  for (const method of ['update', 'remove']) {
    await place.reset('split');
    const legacy = new Interrupts();
    const { store, resource } = persistent(legacy);
    const replica = await openReplica(place, 'a', { resource });
    const key = newKey();
    await place.legacy.put(key, 'old');
    const write = async () =>
      method === 'update' ? await change(replica, key, { name: 'one' }) : await remove(replica, key);
    t.equal((await refuseFirst(t, legacy, method, write)).side, 'legacy');
    t.same([legacy.count(method), store.figures.retries], [2, 1], method);
    t.equal(await place.legacy.name(key), method === 'update' ? 'one' : null);
  }
});

/** The new side gives way to another transaction, at the first statement that this trigger sees. */
async function giveWayOnce(on: 'INSERT' | 'UPDATE'): Promise<void> {
  await withClient(place.sides.new.url, async (client) => {
    await client.query(`
      CREATE SEQUENCE IF NOT EXISTS gave_way; ALTER SEQUENCE gave_way RESTART;
      CREATE OR REPLACE FUNCTION give_way() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
        BEGIN
          IF nextval('gave_way') = 1 THEN RAISE 'deadlock detected' USING ERRCODE = '40P01'; END IF;
          RETURN NEW;
        END $$;
      DROP TRIGGER IF EXISTS give_way ON companies;
      CREATE TRIGGER give_way BEFORE ${on} ON companies FOR EACH ROW EXECUTE FUNCTION give_way()`);
  });
}

for (const atomic of [false, true]) {
  t.test(`R9: a batch that gave way is made again${atomic ? ' as a whole' : ''}`, async (t) => {
    await place.reset('live');
    await giveWayOnce('INSERT');
    const { next, resource } = persistent(new Interrupts());
    const replica = await openReplica(place, 'a', { resource });
    const keys = NAMES.map(newKey);
    const { outcomes } = await runBatch(replica, batch(keys, atomic));
    t.match(
      outcomes,
      NAMES.map((name) => ({ record: { name } })),
    );
    t.equal(next.figures.retries, 1);
    t.same(await Promise.all(keys.map(async (key) => await place.new.name(key))), NAMES);
    t.equal((await place.marks()).length, NAMES.length, 'one mark each');
  });
}

t.test('R9, M2: what gave way to another transaction is done again as a whole', async (t) => {
  const done: Readonly<Record<string, [Mode, 'INSERT' | 'UPDATE']>> = {
    'a create where new leads': ['live', 'INSERT'],
    'a change of a record that is moved first': ['merged', 'UPDATE'],
    'a move that a change begins': ['merged', 'INSERT'],
  };
  for (const [what, [mode, on]] of Object.entries(done)) {
    await place.reset(mode);
    const { next, resource } = persistent(new Interrupts());
    const replica = await openReplica(place, 'a', { resource });
    const key = newKey();
    if (mode === 'merged') await place.legacy.put(key, 'old');
    await giveWayOnce(on);
    const answer = mode === 'live' ? create(replica, key, 'one') : change(replica, key, { name: 'one' });
    t.match(await answer, { side: 'new', record: { name: 'one' } }, what);
    t.equal(next.figures.retries, 1);
    t.equal(await place.new.name(key), 'one');
    t.equal((await place.marks(key)).length, 1, 'one mark');
  }
  await place.sides.new.query('DROP FUNCTION give_way CASCADE; DROP SEQUENCE gave_way');
});

t.end();

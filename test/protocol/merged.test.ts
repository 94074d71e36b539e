import t from 'tap';
import { NOBODY } from '../../src/domain/callers.ts';
import type { Key } from '../../src/domain/words.ts';
import { runBatch } from '../../src/gateway/batch-writes.ts';
import { recordsWithin, type OperationRecords } from '../../src/gateway/operation-records.ts';
import { runWrite } from '../../src/gateway/writes.ts';
import { listMerged } from '../../src/replication/merged-list.ts';
import { moveKeys } from '../../src/replication/move.ts';
import { readMerged } from '../../src/replication/places.ts';
import { push } from '../../src/replication/push.ts';
import { interrupted, Interrupts } from '../harness/interrupts.ts';
import { code, DRAINING, EVERYTHING, IN_LEGACY, NEXT_STAY, openMergedPlace } from './merged-place.ts';
import { change, create, newKey, openCoordinator, openReplica, remove, type ReplicaSetup } from './place.ts';

const place = await openMergedPlace(t);
const { companies, generation, see, move } = place;

/** What an operation does with companies in its transaction on new. */
async function inOperation<T>(replica: ReplicaSetup, work: (records: OperationRecords) => Promise<T>) {
  const { database } = companies.new.store;
  return await database?.transaction(
    async (sql) => await work(recordsWithin(replica, NOBODY, sql, () => undefined)),
  );
}

t.test(
  'M2: mover, changer and deleter of one key, each overtaken by another at each of its steps',
  async (t) => {
    type Actor = (resource: typeof companies, name: string) => Promise<unknown>;
    const key = newKey();
    const ACTORS: Readonly<Record<string, Actor>> = {
      mover: async (resource) => await moveKeys(resource, [key], await generation()),
      changer: async (resource, name) =>
        await code(change(await openReplica(place, name, { resource }), key, { sector: name })),
      deleter: async (resource, name) =>
        await code(remove(await openReplica(place, name, { resource }), key)),
    };
    /** Where the one that is overtaken waits. */
    const POINTS = {
      'before legacy is read': (at: Interrupts) => at.stop('before', 'get'),
      'after legacy was read': (at: Interrupts) => at.stop('after', 'get'),
    } as const;
    for (const [slow, actor] of Object.entries(ACTORS)) {
      for (const [fast, other] of Object.entries(ACTORS)) {
        for (const [when, stop] of Object.entries(POINTS)) {
          await place.reset('merged');
          await place.legacy.put(key, 'old');
          const legacy = new Interrupts();
          const held = stop(legacy);
          const late = actor(interrupted(companies, { legacy }), 'slow');
          await held.reached;
          const first = await other(companies, 'fast');
          held.go();
          const second = await late;
          const [row] = await place.sides.new.query<{ name: string; sector: string }>(
            'SELECT name, sector FROM companies WHERE id = $1',
            [key],
          );
          const claim = `${slow} overtaken by ${fast} ${when}`;
          const deleted = slow === 'deleter' || fast === 'deleter';
          // In whatever order: who comes after a delete finds nothing, and nobody brings the record back.
          const outcome = { there: await see(key), sector: row?.sector };
          if (deleted) t.same(outcome, { there: undefined, sector: undefined }, `${claim}: it stays deleted`);
          else {
            const last = slow === 'changer' ? 'slow' : fast === 'changer' ? 'fast' : 'other';
            t.same(
              outcome,
              { there: 'old', sector: last },
              `${claim}: the last change holds, on the moved record`,
            );
          }
          if (fast === 'deleter') t.equal(first, 'done', `${claim}: the delete is acknowledged`);
          if (fast === 'deleter' && slow !== 'mover')
            t.equal(second, 'not-found', `${claim}: the second finds nothing`);
          if (fast === 'changer') t.equal(first, 'done');
          t.equal(await place.legacy.name(key), 'old', `${claim}: legacy is only read`);
        }
      }
    }
  },
);

t.test(
  'M2: a delete leaves a tombstone and a mark, and a create under the old id ends the tombstone',
  async (t) => {
    await place.reset('merged');
    const key = newKey();
    await place.legacy.put(key, 'old');
    const replica = await openReplica(place, 'a');
    await remove(replica, key);
    t.equal((await place.marks(key)).length, 1, 'the way back knows of it');
    t.equal(await see(key), undefined);
    t.equal(await code(change(replica, key, { name: 'x' })), 'not-found');
    const tombstone = async () =>
      (
        await place.sides.new.query<{ deleted: boolean }>('SELECT deleted FROM banyan.moved WHERE key = $1', [
          key,
        ])
      )[0]?.deleted;
    t.equal(await tombstone(), true);
    const again = { id: key, name: 'again' };
    await runWrite(replica, { verb: 'create', key, record: again, repeated: false, caller: NOBODY });
    t.equal(await see(key), 'again');
    t.equal(await tombstone(), false);
    await remove(replica, key);
    await move();
    t.equal(await see(key), undefined, 'and is not undone by the mover');
    const other = newKey();
    await create(replica, other, 'other');
    await place.sides.new.query('UPDATE companies SET id = $2 WHERE id = $1', [other, key]);
    t.equal(await tombstone(), false, 'a record that takes its key ends it too');
  },
);

t.test('M2: what new deletes where nothing is merged any more stays deleted on the way back', async (t) => {
  await place.reset('merged');
  const key = newKey();
  await place.legacy.put(key, 'old');
  await move();
  await place.turn(`mode = 'new'`);
  await remove(await openReplica(place, 'a'), key);
  await place.turn(`mode = 'merged'`);
  t.equal(await see(key), undefined);
  await push(companies, [key]);
  t.equal(await place.legacy.name(key), null);
});

t.test(
  'M2: a record that is moved between two looks at new is there, to be changed, deleted or read',
  async (t) => {
    await place.reset('merged');
    const [changed, deleted, read] = [newKey(), newKey(), newKey()];
    for (const key of [changed, deleted, read]) await place.legacy.put(key, 'old');
    const held = async (method: 'update' | 'remove', key: Key) => {
      const fresh = new Interrupts();
      const asked = fresh.stop('after', method);
      const replica = await openReplica(place, method, { resource: interrupted(companies, { new: fresh }) });
      const write = method === 'update' ? change(replica, key, { name: 'changed' }) : remove(replica, key);
      await asked.reached;
      await moveKeys(companies, [key], await generation());
      asked.go();
      return await code(write);
    };
    t.same([await held('update', changed), await held('remove', deleted)], ['done', 'done']);
    t.same([await see(changed), await see(deleted)], ['changed', undefined]);

    const [fresh, database] = [new Interrupts(), new Interrupts()];
    const [asked, known] = [fresh.stop('after', 'get'), database.stop('before', 'query')];
    const records = readMerged(interrupted(companies, { new: fresh, database }), await generation(), [read]);
    await Promise.all([asked.reached, known.reached]);
    await moveKeys(companies, [read], await generation());
    asked.go();
    known.go();
    t.equal((await records).get(read)?.name, 'old');
  },
);

t.test('M2: what new has under a key of legacy is its own, also where nobody has moved it', async (t) => {
  await place.reset('merged');
  const key = newKey();
  await place.legacy.put(key, 'old');
  await place.new.put(key, 'of new');
  await move();
  t.equal(await see(key), 'of new');
});

t.test(
  'M3: what was read of legacy moves in the same stay only, and not while a step is being made',
  async (t) => {
    for (const turn of [NEXT_STAY, IN_LEGACY, DRAINING]) {
      await place.reset('merged');
      const key = newKey();
      await place.legacy.put(key, 'old');
      const legacy = new Interrupts();
      const held = legacy.stop('after', 'get');
      const late = moveKeys(interrupted(companies, { legacy }), [key], await generation());
      await held.reached;
      await place.turn(turn);
      await place.legacy.put(key, 'newer');
      held.go();
      t.match(await late, { turned: true, synced: [] }, turn);
      t.equal(await place.new.name(key), null);
      t.equal(await see(key), 'newer');
    }
  },
);

t.test('M3: a change or a delete that a step has overtaken moves nothing, and is decided anew', async (t) => {
  const WRITES = {
    change: async (replica: ReplicaSetup, key: Key) => await change(replica, key, { sector: 'late' }),
    delete: async (replica: ReplicaSetup, key: Key) => await remove(replica, key),
  } as const;
  for (const [verb, write] of Object.entries(WRITES)) {
    for (const turn of [NEXT_STAY, IN_LEGACY]) {
      await place.reset('merged');
      const key = newKey();
      await place.legacy.put(key, 'old');
      const legacy = new Interrupts();
      const held = legacy.stop('after', 'get');
      const replica = await openReplica(place, 'a', { resource: interrupted(companies, { legacy }) });
      const late = code(write(replica, key));
      await held.reached;
      await place.turn(turn);
      await place.legacy.put(key, 'newer');
      held.go();
      t.equal(await late, 'done', `${verb}, ${turn}`);
      const name = turn === IN_LEGACY ? await place.legacy.name(key) : await see(key);
      t.equal(name ?? null, verb === 'change' ? 'newer' : null);
    }
  }
});

t.test('M3: a step waits for a move that is under way', async (t) => {
  await place.reset('merged');
  const key = newKey();
  await place.legacy.put(key, 'old');
  const fresh = new Interrupts();
  const held = fresh.stop('before', 'upsertMany');
  const moved = moveKeys(interrupted(companies, { new: fresh }), [key], await generation());
  await held.reached;
  const step = openCoordinator(place).begin(await place.state(), 'legacy', 'test');
  t.equal(await place.endsOrWaits(step), 'waits');
  held.go();
  t.match(await moved, { synced: [key] });
  await step;
});

t.test('M4: in split and merged nothing is created under an id that legacy has', async (t) => {
  for (const mode of ['split', 'merged'] as const) {
    await place.reset(mode);
    const key = newKey();
    await place.legacy.put(key, 'old');
    const replica = await openReplica(place, 'a');
    const record = { id: key, name: 'twin' };
    const twin = runWrite(replica, { verb: 'create', key, record, repeated: false, caller: NOBODY });
    t.equal(await code(twin), 'duplicate', mode);
    const other = { id: newKey(), name: 'fresh' };
    const records = [record, other].map((one) => ({ key: one.id, record: one }));
    const batch = { records, repeated: false, caller: NOBODY };
    t.equal(await code(runBatch(replica, { ...batch, atomic: true })), 'duplicate', `${mode}: of a batch`);
    const { outcomes } = await runBatch(replica, { ...batch, atomic: false });
    t.match(outcomes, [{ error: { code: 'duplicate' } }, { record: other }], `${mode}: none of a batch`);
    const operation = inOperation(replica, async (records) => await records.create(record));
    t.equal(await code(operation), 'duplicate', `${mode}: of an operation`);
    t.equal(await place.new.name(key), null, `${mode}: new has nothing`);
    const made = await create(replica, null, 'created');
    t.equal(made.side, 'new', `${mode}: creates go to new`);
    t.equal(await place.legacy.name(replica.resource.mapping.keyOf(made.record)), null);
  }
});

t.test(
  'M4: a page has what is moved, and lacks what is deleted, after new’s part of it was read',
  async (t) => {
    await place.reset('merged');
    const keys = Array.from({ length: 4 }, newKey);
    const [moved, changed, deleted, stays] = keys as [Key, Key, Key, Key];
    for (const key of keys) await place.legacy.put(key, 'old');
    const replica = await openReplica(place, 'a');
    const [legacy, fresh] = [new Interrupts(), new Interrupts()];
    const [answered, asked] = [fresh.stop('after', 'list'), legacy.stop('before', 'list')];
    const page = listMerged(interrupted(companies, { legacy, new: fresh }), await generation(), {
      ...EVERYTHING,
      total: false,
    });
    await Promise.all([answered.reached, asked.reached]);
    await moveKeys(companies, [moved], await generation());
    await change(replica, changed, { sector: 'red' });
    await remove(replica, deleted);
    answered.go();
    asked.go();
    const seen = (await page).records.map(({ id, sector }) => [id, sector === 'red']);
    t.same(
      seen,
      [moved, changed, stays].sort().map((id) => [id, id === changed]),
    );
  },
);

t.test('split: a change or a delete goes where the record is', async (t) => {
  await place.reset('split');
  const [old, fresh] = [newKey(), newKey()];
  await place.legacy.put(old, 'old');
  const replica = await openReplica(place, 'a');
  await create(replica, fresh, 'fresh');
  t.equal((await change(replica, old, { name: 'old 2' })).side, 'legacy');
  t.equal((await change(replica, fresh, { name: 'fresh 2' })).side, 'new');
  t.same([await place.legacy.name(old), await place.new.name(old)], ['old 2', null]);
  t.same([await place.legacy.name(fresh), await place.new.name(fresh)], [null, 'fresh 2']);
  t.equal((await remove(replica, old)).side, 'legacy');
  t.equal((await remove(replica, fresh)).side, 'new');
  t.equal(await code(remove(replica, fresh)), 'not-found');
});

t.end();

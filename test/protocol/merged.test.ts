import t from 'tap';

import { NOBODY } from '../../src/domain/callers.ts';
import { isBanyanError } from '../../src/domain/errors.ts';

import { runBatch } from '../../src/gateway/batch-writes.ts';
import { runWrite } from '../../src/gateway/writes.ts';
import type { Key } from '../../src/domain/words.ts';
import { listLegacys } from '../../src/replication/merged-list.ts';
import { moveAll } from '../../src/replication/mover.ts';
import { moveKeys } from '../../src/replication/move.ts';
import { readMerged } from '../../src/replication/places.ts';
import { push } from '../../src/replication/push.ts';
import { repair } from '../../src/replication/repair.ts';
import { verify } from '../../src/replication/verify.ts';
import { interrupted, Interrupts } from '../harness/interrupts.ts';
import { change, create, newKey, openCoordinator, openPlace, openReplica, remove } from './place.ts';

const place = await openPlace(t);
const { companies } = place;
const generation = async () => (await place.state()).generation;
const see = async (key: Key) => (await readMerged(companies, await generation(), [key])).get(key)?.name;
const code = (work: Promise<unknown>) =>
  work.then(
    () => 'done',
    (error: unknown) => (isBanyanError(error) ? error.code : String(error)),
  );
const move = async (resource = companies, again = false) =>
  await moveAll(resource, { generation: await generation(), again, syncParents: async () => {} });

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
    await create(replica, key, 'again');
    t.equal(await see(key), 'again');
    t.equal(await tombstone(), false);
    await remove(replica, key);
    await move();
    t.equal(await see(key), undefined, 'and is not undone by the mover');
  },
);

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
  'M3: a record that was read before the mode was left is not moved after it was entered again',
  async (t) => {
    await place.reset('merged');
    const key = newKey();
    await place.legacy.put(key, 'old');
    const legacy = new Interrupts();
    const held = legacy.stop('after', 'get');
    const late = moveKeys(interrupted(companies, { legacy }), [key], await generation());
    await held.reached;
    await place.sides.new.query(
      `UPDATE banyan.resource SET epoch = epoch + 1, generation = generation + 1 WHERE name = 'companies'`,
    );
    await place.legacy.put(key, 'newer');
    held.go();
    t.match(await late, { turned: true, synced: [] });
    t.equal(await see(key), 'newer');
  },
);

t.test('M3: nothing is moved in another mode, nor while a step is being made', async (t) => {
  const others = [`mode = 'legacy', "primary" = 'legacy'`, `stage = 'drain', next_mode = 'legacy'`];
  for (const other of others) {
    await place.reset('merged');
    const key = newKey();
    await place.legacy.put(key, 'old');
    const legacy = new Interrupts();
    const held = legacy.stop('after', 'get');
    const late = moveKeys(interrupted(companies, { legacy }), [key], await generation());
    await held.reached;
    await place.sides.new.query(
      `UPDATE banyan.resource SET epoch = epoch + 1, ${other} WHERE name = 'companies'`,
    );
    held.go();
    t.match(await late, { turned: true, synced: [] }, other);
    t.equal(await place.new.name(key), null);
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
    t.equal(await place.new.name(key), null, `${mode}: new has nothing`);
    const made = await create(replica, null, 'created');
    t.equal(made.side, 'new', `${mode}: creates go to new`);
    t.equal(await place.legacy.name(replica.resource.mapping.keyOf(made.record)), null);
  }
});

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

t.test('M7: a record of new that a way back has copied to legacy is new’s all the same', async (t) => {
  await place.reset('split');
  const [changed, deleted] = [newKey(), newKey()];
  const replica = await openReplica(place, 'a');
  for (const key of [changed, deleted]) await create(replica, key, 'made');
  await push(companies, [changed, deleted]);
  t.equal(await place.legacy.name(deleted), 'made', 'legacy has it, and the way back turned round');
  t.equal((await change(replica, changed, { name: 'changed' })).side, 'new');
  t.equal((await remove(replica, deleted)).side, 'new');
  t.same([await see(changed), await see(deleted)], ['changed', undefined]);
  const again = [change(replica, deleted, { name: 'back' }), remove(replica, deleted)];
  t.same(await Promise.all(again.map(code)), ['not-found', 'not-found'], 'its twin is nobody’s to write');
  t.equal(await place.legacy.name(deleted), 'made');
  const query = {
    where: null,
    sort: [{ field: 'id', descending: false }],
    limit: 10,
    offset: 0,
    total: true,
  };
  const list = await listLegacys(companies, await generation(), query);
  t.same(list, { records: [], total: 0 }, 'lists of split have neither');
  const { record } = await create(replica, null, 'on its way');
  const legacy = new Interrupts();
  const sent = legacy.stop('after', 'upsertMany');
  const pushed = push(interrupted(companies, { legacy }), [companies.mapping.keyOf(record)]);
  await sent.reached;
  const meanwhile = await listLegacys(companies, await generation(), query);
  sent.go();
  await pushed;
  t.same(meanwhile, { records: [], total: 0 }, 'from the moment on that legacy has it');
});

t.test('M5: a push deletes nothing from legacy that new merely lacks', async (t) => {
  await place.reset('merged');
  const [unmoved, gone] = [newKey(), newKey()];
  await place.legacy.put(unmoved, 'unmoved');
  await place.legacy.put(gone, 'gone');
  await remove(await openReplica(place, 'a'), gone);
  await push(companies, [unmoved, gone]);
  t.equal(await place.legacy.name(unmoved), 'unmoved');
  t.equal(await place.legacy.name(gone), null, 'what was deleted in new is deleted');
  await place.reset('live');
  await place.legacy.put(gone, 'gone');
  await push(companies, [gone]);
  t.equal(await place.legacy.name(gone), null, 'where new has everything, its lack of a record is a delete');
});

t.test(
  'M2, M5: a record that was moved leaves legacy when new deletes it, or gives it another key',
  async (t) => {
    await place.reset('merged');
    const [deleted, renamed, other] = [newKey(), newKey(), newKey()];
    await place.legacy.put(deleted, 'deleted');
    await place.legacy.put(renamed, 'renamed');
    await move();
    await remove(await openReplica(place, 'a'), deleted);
    await place.sides.new.query('UPDATE companies SET id = $2 WHERE id = $1', [renamed, other]);
    t.same([await see(deleted), await see(renamed), await see(other)], [undefined, undefined, 'renamed']);
    await push(companies, [deleted, renamed, other]);
    const left = await Promise.all([deleted, renamed, other].map((key) => place.legacy.name(key)));
    t.same(left, [null, null, 'renamed']);
  },
);

t.test(
  'H11: the mover stops, goes on, and repeats; what was changed or deleted meanwhile it leaves alone',
  async (t) => {
    await place.reset('merged');
    const keys = Array.from({ length: 6 }, newKey).sort();
    for (const key of keys) await place.legacy.put(key, 'old');
    const replica = await openReplica(place, 'a');
    const [changed, deleted] = [keys[1] as Key, keys[4] as Key];
    const stop = new AbortController();
    const small = {
      ...companies,
      settings: { ...companies.settings, backfill: { start: 'manual', chunk: 2 } },
    } as const;
    const options = { generation: await generation(), again: false, syncParents: async () => {} };
    const onProgress = ({ visited }: { visited: number }) => visited >= 2 && stop.abort();
    await t.rejects(moveAll(small, { ...options, signal: stop.signal, onProgress }), { code: 'job-running' });
    t.equal(await place.new.name(keys[0] as Key), 'old', 'the first chunk is moved');
    t.equal(await place.new.name(keys[5] as Key), null, 'the last one is not');
    await change(replica, changed, { name: 'changed' });
    await remove(replica, deleted);
    t.match(await moveAll(small, options), { status: 'done', visited: 6 }, 'it went on where it was');
    t.match(
      await moveAll(small, { ...options, again: true }),
      { visited: 6 },
      'and looks at everything again',
    );
    const names = await Promise.all(keys.map(async (key) => await see(key)));
    t.same(names, ['old', 'changed', 'old', 'old', undefined, 'old']);
  },
);

t.test('verify in merged: what new changed since is no difference, what was not moved is one', async (t) => {
  await place.reset('merged');
  const [unmoved, changed, deleted] = [newKey(), newKey(), newKey()];
  for (const key of [unmoved, changed, deleted]) await place.legacy.put(key, 'old');
  const replica = await openReplica(place, 'a');
  await change(replica, changed, { name: 'changed' });
  await remove(replica, deleted);
  await create(replica, null, 'created');
  t.match(await verify(companies, { generation: await generation() }), { differences: 1, unsettled: 0 });
  const repaired = await repair(companies, { work: async () => {}, patience: 5_000 });
  t.same(repaired, { repaired: [unmoved], left: [] }, 'and repair moves it');
  t.match(await verify(companies, { generation: await generation() }), { differences: 0, unsettled: 0 });
  await place.legacy.put(unmoved, 'written beside the gateway');
  t.match(await verify(companies, { generation: await generation() }), { differences: 1 });
  await repair(companies, { work: async () => {}, patience: 5_000 });
  t.match(await verify(companies, { generation: await generation() }), { differences: 0 }, 'new wins');
});

t.end();

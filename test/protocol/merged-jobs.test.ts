import t from 'tap';
import type { Key, ResourceState } from '../../src/domain/words.ts';
import { SILENT } from '../../src/observability/log.ts';
import { listLegacys, listMerged } from '../../src/replication/merged-list.ts';
import { moveAll } from '../../src/replication/mover.ts';
import { push } from '../../src/replication/push.ts';
import { repair } from '../../src/replication/repair.ts';
import { Syncer } from '../../src/replication/syncer.ts';
import { verify } from '../../src/replication/verify.ts';
import { interrupted, Interrupts, statement } from '../harness/interrupts.ts';
import { until } from '../harness/wait.ts';
import { code, EVERYTHING, NEXT_STAY, openMergedPlace } from './merged-place.ts';
import { change, create, newKey, openReplica, remove } from './place.ts';

/** What works beside the clients while both sides hold records of their own: pushes, the mover, verify. */
const place = await openMergedPlace(t);
const { companies, generation, see, move } = place;

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
  'M5: what a push may delete is asked once nobody else has the key, not by an older mode',
  async (t) => {
    await place.reset('live');
    const key = newKey();
    await place.legacy.put(key, 'legacy’s own');
    const database = new Interrupts();
    const leased = database.stop('before', 'query', statement('INSERT INTO banyan.lease'));
    const late = push(interrupted(companies, { database }), [key]);
    await leased.reached;
    await place.turn(`mode = 'merged', ${NEXT_STAY}`);
    leased.go();
    await late;
    t.equal(await place.legacy.name(key), 'legacy’s own');
  },
);

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
  const list = await listLegacys(companies, await generation(), EVERYTHING);
  t.same(list, { records: [], total: 0 }, 'lists of split have neither');
  const { record } = await create(replica, null, 'on its way');
  const legacy = new Interrupts();
  const sent = legacy.stop('after', 'upsertMany');
  const pushed = push(interrupted(companies, { legacy }), [companies.mapping.keyOf(record)]);
  await sent.reached;
  const meanwhile = await listLegacys(companies, await generation(), EVERYTHING);
  sent.go();
  await pushed;
  t.same(meanwhile, { records: [], total: 0 }, 'from the moment on that legacy has it');
  await place.turn(`mode = 'merged'`);
  const merged = await listMerged(companies, await generation(), EVERYTHING);
  t.same([merged.records.length, merged.total], [2, 2], 'lists of merged have each once');
});

t.test('M7: a process works off resting marks for a step back only', async (t) => {
  await place.reset('merged');
  await create(await openReplica(place, 'a'), null, 'made');
  const state = await place.state();
  const asksFor = async (seen: Partial<ResourceState>) => {
    const database = new Interrupts();
    let looks = 0;
    const look = () => ({ ...state, ...seen, epoch: (looks += 1) });
    const resource = interrupted(companies, { database });
    const syncer = new Syncer({ resource, state: look, syncerOf: () => undefined, log: SILENT });
    syncer.start();
    // Once for the sweep, once for the pause after it.
    await until(() => looks >= 2, { what: 'it has looked at the journal, or not' });
    await syncer.close();
    return database.count('query') > 0;
  };
  t.equal(await asksFor({}), false, 'they rest');
  t.equal(await asksFor({ returning: true }), true);
  t.equal(await asksFor({ stage: 'drain', nextMode: 'legacy' }), true, 'the last ones, in the drain');
  t.equal(
    await asksFor({ stage: 'drain', nextMode: 'merged', mode: 'split' }),
    false,
    'new goes on deciding',
  );
});

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

t.test(
  'M3: a mover that was paused until another has its job leaves no chunk without a checkpoint',
  async (t) => {
    await place.reset('merged');
    const keys = Array.from({ length: 3 }, newKey);
    for (const key of keys) await place.legacy.put(key, 'old');
    const legacy = new Interrupts();
    const held = legacy.stop('after', 'scan');
    const options = { generation: await generation(), again: false, syncParents: async () => {} };
    const late = moveAll(interrupted(companies, { legacy }), options);
    await held.reached;
    await place.sides.new.query(`UPDATE banyan.backfill SET holder = gen_random_uuid()`);
    held.go();
    t.equal(await late, null);
    t.equal((await listMerged(companies, await generation(), EVERYTHING)).total, 3, 'the total is exact');
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

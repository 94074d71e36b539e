import t from 'tap';
import { newSideEmpty } from '../../src/control/guards/new-side-empty.ts';
import { NOBODY } from '../../src/domain/callers.ts';
import { isBanyanError } from '../../src/domain/errors.ts';
import type { Key, Mode } from '../../src/domain/words.ts';
import { recordsWithin } from '../../src/gateway/operation-records.ts';
import { readRecord } from '../../src/gateway/reads.ts';
import { runWrite } from '../../src/gateway/writes.ts';
import { emptyNew } from '../../src/replication/empty.ts';
import { countMerged } from '../../src/replication/legacy-share.ts';
import { listLegacys, listMerged } from '../../src/replication/merged-list.ts';
import { moveAll } from '../../src/replication/mover.ts';
import { readMerged } from '../../src/replication/places.ts';
import { pull } from '../../src/replication/pull.ts';
import { push } from '../../src/replication/push.ts';
import { takeBackfill } from '../../src/state/jobs.ts';
import { takeOff } from '../../src/state/replicas.ts';
import { setReturning } from '../../src/state/resources.ts';
import { interrupted, Interrupts, statement } from '../harness/interrupts.ts';
import { change, create, newKey, openCoordinator, openPlace, openReplica, remove } from './place.ts';

// What the models of docs/model found: each of these came late in a way that no other test has.

const place = await openPlace(t);
const { companies } = place;
const { database } = companies;
const generation = async () => (await place.state()).generation;
const see = async (key: Key) => (await readMerged(companies, await generation(), [key])).get(key)?.name;
const code = (work: Promise<unknown>) =>
  work.then(
    () => 'done',
    (error: unknown) => (isBanyanError(error) ? error.code : String(error)),
  );
const move = async () =>
  await moveAll(companies, { generation: await generation(), again: false, syncParents: async () => {} });
const set = async (what: string) =>
  await place.sides.new.query(
    `UPDATE banyan.resource SET epoch = epoch + 1, ${what} WHERE name = 'companies'`,
  );
const LEGACY = `mode = 'legacy', "primary" = 'legacy'`;
const MERGED_ANEW = `mode = 'merged', "primary" = 'new', generation = generation + 1`;
const step = async (to: Mode) => await openCoordinator(place).begin(await place.state(), to, 'test');

t.test('M6: what new held before Banyan led it is asked for again after a switch turned round', async (t) => {
  await place.reset('legacy');
  await place.new.put(newKey(), 'of the product');
  await step('merged');
  await set(`budget_until = '-infinity'`);
  t.match(await openCoordinator(place).advance('companies'), { state: { mode: 'legacy', stage: 'open' } });
  const state = await place.state();
  const asked = { database, resource: companies, state, stateOf: () => undefined, parents: [], children: [] };
  const way = { from: 'legacy', to: 'merged', kind: 'flip', direction: 'up' } as const;
  t.match(await newSideEmpty.check({ ...asked, step: way }), { reason: /holds 1 records already/ });
});

t.test('M6: who empties new late drops no tombstone of a later generation', async (t) => {
  await place.reset('legacy');
  const key = newKey();
  await place.legacy.put(key, 'old');
  const watched = new Interrupts();
  const held = watched.stop('before', 'query', statement('DELETE FROM banyan.moved'));
  const late = emptyNew(interrupted(companies, { database: watched }));
  await held.reached;
  await set(MERGED_ANEW);
  await remove(await openReplica(place, 'a'), key);
  held.go();
  await late;
  t.equal(await see(key), undefined);
});

t.test('M6: a sync of an earlier dual-write that is slow leaves nothing old in new', async (t) => {
  await place.reset('dual-write');
  const key = newKey();
  await place.legacy.put(key, 'old');
  const legacy = new Interrupts();
  const held = legacy.stop('after', 'get');
  const late = pull(interrupted(companies, { legacy }), [key], []);
  await held.reached;
  await step('legacy');
  await place.legacy.put(key, 'newer');
  await step('merged');
  held.go();
  t.match(await late, { turned: true, synced: [] }, 'legacy is the primary still, but not for long');
  const coordinator = openCoordinator(place);
  t.match(await coordinator.advance('companies'), { state: { stage: 'switch', mode: 'merged' } });
  t.match(await coordinator.advance('companies'), { state: { stage: 'open' } });
  t.equal(await see(key), 'newer');
});

t.test('M2: a delete of live whose mark rests is none that merged forgets', async (t) => {
  await place.reset('merged');
  const [moved, made] = [newKey(), newKey()];
  await place.legacy.put(moved, 'old');
  await move();
  await step('new');
  await step('live');
  const replica = await openReplica(place, 'a');
  await create(replica, made, 'made');
  await push(companies, [made]);
  for (const key of [moved, made]) await remove(replica, key);
  await step('new');
  await step('merged');
  t.same([await see(moved), await see(made)], [undefined, undefined]);
  await push(companies, [moved, made]);
  t.same([await place.legacy.name(moved), await place.legacy.name(made)], [null, null], 'nor the way back');
});

t.test('M3: a mover that has lost its job keeps no chunk, so that totals stay exact', async (t) => {
  await place.reset('merged');
  const keys = [newKey(), newKey()];
  for (const key of keys) await place.legacy.put(key, 'old');
  const options = { generation: await generation(), again: false, syncParents: async () => {} };
  const legacy = new Interrupts();
  const held = legacy.stop('after', 'scan');
  const late = moveAll(interrupted(companies, { legacy }), options);
  await held.reached;
  await place.sides.new.query(`UPDATE banyan.backfill SET holder_until = '-infinity'`);
  const job = { resource: companies.name, generation: options.generation, again: false };
  t.ok(await takeBackfill(database, { ...job, holder: '00000000-0000-4000-8000-000000000000' }));
  held.go();
  t.equal(await late, null);
  const counted = await countMerged(companies, options.generation, { where: null, how: 'exact' });
  t.same(counted, { count: 2, exact: true });
});

t.test('M4: a create that looked at legacy in an earlier generation looks again', async (t) => {
  await place.reset('merged');
  const key = newKey();
  const legacy = new Interrupts();
  const held = legacy.stop('after', 'get');
  const replica = await openReplica(place, 'a', { resource: interrupted(companies, { legacy }) });
  const record = { id: key, name: 'twin' };
  const late = code(runWrite(replica, { verb: 'create', key, record, repeated: false, caller: NOBODY }));
  await held.reached;
  await place.legacy.put(key, 'of legacy');
  await set(MERGED_ANEW);
  held.go();
  t.equal(await late, 'duplicate');
  t.equal(await see(key), 'of legacy');
  const other = { id: newKey(), name: 'of new' };
  await runWrite(replica, { verb: 'create', key: other.id, record: other, repeated: false, caller: NOBODY });
  t.equal((await place.marks(other.id)).length, 1, 'one that legacy lacks is made, and marked');
});

t.test('M4: an operation creates nothing under an id that legacy has', async (t) => {
  await place.reset('merged');
  const key = newKey();
  await place.legacy.put(key, 'of legacy');
  const replica = await openReplica(place, 'a');
  const make = async (id: Key) =>
    await database.transaction(async (sql) => {
      await recordsWithin(replica, NOBODY, sql, () => {}).create({ id, name: 'made' });
    });
  t.same([await code(make(key)), await code(make(newKey()))], ['duplicate', 'done']);
  t.equal(await see(key), 'of legacy');
});

t.test('M6: what was asked of both sides until new was emptied is asked again', async (t) => {
  await place.reset('merged');
  const key = newKey();
  await place.legacy.put(key, 'old');
  await move();
  const fresh = new Interrupts();
  const replica = await openReplica(place, 'a', { resource: interrupted(companies, { new: fresh }) });
  const empty = async () => {
    await set(LEGACY);
    await place.new.remove(key);
    await set(MERGED_ANEW);
    await replica.routes.refresh();
  };
  const gets = fresh.stop('before', 'get');
  const read = readRecord(replica, key, NOBODY);
  await gets.reached;
  await empty();
  gets.go();
  t.equal((await read).record.name, 'old', 'a read');
  await move();
  const updates = fresh.stop('before', 'update');
  const late = code(change(replica, key, { name: 'changed' }));
  await updates.reached;
  await empty();
  updates.go();
  t.equal(await late, 'done', 'a write');
  t.equal(await see(key), 'changed');
});

t.test('M7: a push whose lease is over notes no twin in a later generation', async (t) => {
  await place.reset('merged');
  const key = newKey();
  await create(await openReplica(place, 'a'), key, 'made');
  const fresh = new Interrupts();
  const held = fresh.stop('after', 'get');
  const late = push(interrupted(companies, { new: fresh }), [key]);
  await held.reached;
  await place.sides.new.query(`UPDATE banyan.lease SET until = '-infinity'`);
  await push(companies, [key]);
  await set(LEGACY);
  await place.new.remove(key);
  await set(MERGED_ANEW);
  held.go();
  await late;
  t.equal(await see(key), 'made');
});

t.test('M7: a list of split that a push overtakes has none of its records', async (t) => {
  await place.reset('split');
  const key = newKey();
  await create(await openReplica(place, 'a'), key, 'made');
  const legacy = new Interrupts();
  const held = legacy.stop('before', 'list');
  const sort = [{ field: 'id', descending: false }];
  const query = { where: null, sort, limit: 10, offset: 0, total: true };
  const list = listLegacys(interrupted(companies, { legacy }), await generation(), query);
  await held.reached;
  await push(companies, [key]);
  held.go();
  t.same(await list, { records: [], total: 0 });
});

t.test(
  'M1: a replica that was taken off alive does not vouch for its writes by registering again',
  async (t) => {
    await place.reset('legacy');
    const key = newKey();
    await place.legacy.put(key, 'old');
    const legacy = new Interrupts();
    const held = legacy.stop('before', 'update');
    const replica = await openReplica(place, 'a', { resource: interrupted(companies, { legacy }) });
    const write = change(replica, key, { name: 'written' });
    await held.reached;
    await takeOff(database, replica.identity, 0);
    await step('merged');
    const quiet = async () =>
      (
        await place.sides.new.query<{ at: string }>(
          `SELECT quiet_until::text AS at FROM banyan.resource WHERE name = 'companies'`,
        )
      )[0]?.at;
    const before = await quiet();
    await replica.routes.register();
    t.not(await quiet(), before, 'the drain waits for them as for those of a stopped one');
    held.go();
    await write;
  },
);

t.end();

t.test('M7: while a way back pushes, a total of both sides says that it may be off', async (t) => {
  await place.reset('merged');
  await place.legacy.put(newKey(), 'old');
  const of = await generation();
  const page = { where: null, sort: [{ field: 'id', descending: false }], limit: 5, offset: 0, total: true };
  t.match(await listMerged(companies, of, page), { total: 1, totalIsEstimate: undefined });
  await setReturning(database, await place.state(), true);
  t.match(await listMerged(companies, of, page), { total: 1, totalIsEstimate: true });
  await setReturning(database, await place.state(), false);
  await move();
  await setReturning(database, await place.state(), true);
  t.match(
    await listMerged(companies, of, page),
    { total: 1, totalIsEstimate: undefined },
    'all is in new, and is counted there',
  );
});

import t from 'tap';
import { GUARDS } from '../../src/control/guards/index.ts';
import type { GuardContext } from '../../src/control/guards/guard.ts';
import { identify } from '../../src/control/presence.ts';
import { Switching } from '../../src/control/switching.ts';
import { stepBetween, type Step } from '../../src/domain/modes.ts';
import type { Key, Mode } from '../../src/domain/words.ts';
import { backfill } from '../../src/replication/backfill.ts';
import { pull } from '../../src/replication/pull.ts';
import { push } from '../../src/replication/push.ts';
import type { BoundResource } from '../../src/replication/resource.ts';
import { backlog, markForRepair } from '../../src/state/journal.ts';
import { registerReplica, takeOff } from '../../src/state/replicas.ts';
import { slotOf } from '../../src/state/slots.ts';
import { Interrupts, interrupted } from '../harness/interrupts.ts';
import { until } from '../harness/wait.ts';
import { change, create, newKey, openCoordinator, openPlace, openReplica } from './place.ts';

const place = await openPlace(t);
const { database } = place.binding;
const coordinator = openCoordinator(place);

async function begin(to: Mode) {
  const begun = await coordinator.begin(await place.state(), to, 'test');
  if (!begun) throw new Error('the switch did not begin');
  return begun;
}

const advance = async () => await coordinator.advance('companies');
const copy = async (resource = place.companies, again = false) =>
  await backfill(resource, {
    generation: (await place.state()).generation,
    again,
    syncParents: async () => {},
  });

const chunksOfOne = (resource: BoundResource): BoundResource => ({
  ...resource,
  settings: { ...resource.settings, backfill: { ...resource.settings.backfill, chunk: 1 } },
});

/** Two keys that share a counter, in their order. */
function keysOfOneSlot(): [Key, Key] {
  const first = newKey();
  for (;;) {
    const second = newKey();
    if (slotOf(second) === slotOf(first) && second > first) return [first, second];
  }
}

async function guardRefuses(name: string, from: Mode, to: Mode): Promise<string | null> {
  const guard = GUARDS.find((one) => one.name === name);
  const step = stepBetween(from, to) as Step;
  if (!guard?.steps.includes(`${from}>${to}`)) throw new Error(`${name} does not guard ${from} to ${to}`);
  const context: GuardContext = {
    database,
    resource: place.companies,
    state: await place.state(),
    step,
    stateOf: () => undefined,
    parents: [],
    children: [],
  };
  return (await guard.check(context))?.reason ?? null;
}

t.test('R19: a replica with an unmarked write under way has not begun to mark', async (t) => {
  await place.reset('legacy');
  const legacy = new Interrupts();
  const replica = await openReplica(place, 'a', { resource: interrupted(place.companies, { legacy }) });
  const request = legacy.stop('before', 'insert');
  const [unmarked, marked] = [newKey(), newKey()];
  const first = create(replica, unmarked, 'one');
  await request.reached;
  await begin('dual-write');
  await replica.routes.refresh();
  await create(replica, marked, 'two');
  t.match(await place.marks(), [{ key: marked }], 'writes run on, and are marked by now');
  t.match(await advance(), { state: { stage: 'enter' }, waitsFor: /replica a/ });
  request.go();
  await first;
  await until(async () => (await advance())?.state.stage === 'open', { what: 'it has acknowledged' });
});

t.test('R19: an unmarked write without an answer counts as under way until nothing can land', async (t) => {
  await place.reset('legacy');
  const timing = { timeout: 100, deadline: 2_500 };
  const replica = await openReplica(place, 'a', { resource: interrupted(place.companies, { timing }) });
  await place.legacyWay.cutAfter(0);
  await t.rejects(create(replica, newKey(), 'one'), { code: 'outcome-unknown' });
  await place.legacyWay.pass();
  await begin('dual-write');
  await replica.routes.refresh();
  t.match(await advance(), { state: { stage: 'enter' }, waitsFor: /replica a/ });
  await until(async () => (await advance())?.state.stage === 'open', { what: 'it has acknowledged' });
});

t.test('R19: unmarked writes of a replica that stopped are waited for', async (t) => {
  for (const how of ['restart', 'taken off'] as const) {
    await place.reset('legacy');
    const identity = identify('a');
    await registerReplica(database, identity, 2_000);
    if (how === 'restart') await registerReplica(database, identify('a'), 2_000);
    else await takeOff(database, identity, 2_000);
    await begin('dual-write');
    await registerReplica(database, identify('a'), 2_000);
    t.match(await advance(), { state: { stage: 'enter' }, waitsFor: /stopped replica/ }, how);
    await until(async () => (await advance())?.state.stage === 'open', { what: 'nothing can land' });
  }
});

t.test('R20: every entry into dual-write voids what was filled before', async (t) => {
  await place.reset('dual-write');
  await place.legacy.put(newKey(), 'one');
  t.match(await guardRefuses('backfill-complete', 'dual-write', 'shadow'), /no backfill/);
  await copy();
  t.equal(await guardRefuses('backfill-complete', 'dual-write', 'shadow'), null);
  await begin('legacy');
  await begin('dual-write');
  t.match(await advance(), { state: { stage: 'open', mode: 'dual-write' } });
  t.match(await guardRefuses('backfill-complete', 'dual-write', 'shadow'), /no backfill/);
  t.match(await guardRefuses('backfill-complete', 'shadow', 'live'), /no backfill/);
});

t.test('R20: a second backfill corrects and removes what the first one left behind', async (t) => {
  await place.reset('dual-write');
  const [changed, deleted] = [newKey(), newKey()];
  await place.legacy.put(changed, 'old');
  await place.legacy.put(deleted, 'old');
  await copy();
  await begin('legacy');
  await place.legacy.put(changed, 'new');
  await place.legacy.remove(deleted);
  await begin('dual-write');
  await advance();
  await copy();
  t.same([await place.new.name(changed), await place.new.name(deleted)], ['new', null]);
});

t.test('R21: new goes on marking while its syncs rest, and the way back waits for the marks', async (t) => {
  await place.reset('new');
  const replica = await openReplica(place, 'a');
  const key = newKey();
  await create(replica, key, 'one');
  t.match(await place.marks(key), [{ pending: false }]);
  t.equal(await place.legacy.name(key), null);
  t.match(await begin('live'), { stage: 'open', mode: 'live' });
  await replica.routes.refresh();
  await begin('shadow');
  t.match(await advance(), { state: { stage: 'drain' }, waitsFor: /1 marks/ });
  await replica.routes.refresh();
  await replica.syncer.syncNow([key]);
  t.equal((await advance())?.state.stage, 'switch');
  t.equal(await place.legacy.name(key), 'one');
});

t.test('R21: a resource that was retired is marked no more and has no way back', async (t) => {
  await place.reset('new');
  const switching = new Switching(database, coordinator, () => place.companies);
  t.equal(await guardRefuses('not-retired', 'new', 'live'), null);
  await switching.retire('companies', 'test');
  const replica = await openReplica(place, 'a');
  await create(replica, newKey(), 'one');
  t.equal((await backlog(database, 'companies')).marks, 0);
  t.match(await guardRefuses('not-retired', 'new', 'live'), /retired/);
});

t.test('R22: a deletion that is synced while a chunk is under way is not undone by it', async (t) => {
  await place.reset('dual-write');
  const key = newKey();
  await place.legacy.put(key, 'one');
  const legacy = new Interrupts();
  const read = legacy.stop('after', 'scan');
  const job = copy(interrupted(place.companies, { legacy }));
  await read.reached;
  await place.legacy.remove(key);
  await markForRepair(database, 'companies', [key]);
  await pull(place.companies, [key], []);
  read.go();
  t.equal((await job)?.status, 'done');
  t.equal(await place.new.name(key), null);
});

t.test('R22: a change that is synced while a chunk is under way is not undone by it', async (t) => {
  await place.reset('dual-write');
  const key = newKey();
  await place.legacy.put(key, 'one');
  const legacy = new Interrupts();
  const read = legacy.stop('after', 'scan');
  const job = copy(interrupted(place.companies, { legacy }));
  await read.reached;
  const replica = await openReplica(place, 'a');
  await change(replica, key, { name: 'two' });
  await replica.syncer.syncNow([key]);
  read.go();
  await job;
  t.equal(await place.new.name(key), 'two');
  t.same(await place.marks(), []);
});

t.test(
  'R22: a chunk that was read ahead while the one before it was written is not read again',
  async (t) => {
    await place.reset('dual-write');
    const [first, second] = keysOfOneSlot();
    for (const key of [first, second]) await place.legacy.put(key, 'one');
    const legacy = new Interrupts();
    const read = legacy.stop('after', 'scan', ([after]) => after === first);
    const job = copy(chunksOfOne(interrupted(place.companies, { legacy })));
    await read.reached;
    await until(async () => (await place.new.name(first)) !== null, { what: 'the first chunk is written' });
    read.go();
    t.match(await job, { status: 'done', visited: 2 });
    t.equal(await place.new.name(second), 'one');
    t.equal(legacy.count('get'), 0, 'its own count of the shared counter is not taken for another sync');
  },
);

for (const when of ['before', 'after'] as const) {
  t.test(
    `R22: a change that is synced ${when} the chunk ahead of its own is written is not undone`,
    async (t) => {
      await place.reset('dual-write');
      const [first, second] = keysOfOneSlot();
      for (const key of [first, second]) await place.legacy.put(key, 'one');
      const [legacy, database] = [new Interrupts(), new Interrupts()];
      const read = legacy.stop('after', 'scan', ([after]) => after === first);
      const write = database.stop(when, 'transaction');
      const job = copy(chunksOfOne(interrupted(place.companies, { legacy, database })));
      await Promise.all([read.reached, write.reached]);
      await place.legacy.put(second, 'two');
      await pull(place.companies, [second], []);
      write.go();
      read.go();
      t.match(await job, { status: 'done', visited: 2 });
      t.same([await place.new.name(first), await place.new.name(second)], ['one', 'two']);
    },
  );
}

t.test('R22: a backfill visits the keys of both sides and clears no mark', async (t) => {
  await place.reset('legacy');
  const [both, gone] = [newKey(), newKey()];
  await place.new.put(gone, 'left behind');
  await begin('dual-write');
  await advance();
  await place.legacy.put(both, 'one');
  await markForRepair(database, 'companies', [both]);
  await copy();
  t.same([await place.new.name(both), await place.new.name(gone)], ['one', null]);
  t.equal((await place.marks(both)).length, 1);
});

t.test('R22: a backfill that is slower than a whole switch writes nothing over the new side', async (t) => {
  await place.reset('dual-write');
  const key = newKey();
  await place.legacy.put(key, 'old');
  const legacy = new Interrupts();
  const read = legacy.stop('after', 'scan');
  const job = copy(interrupted(place.companies, { legacy }));
  await read.reached;
  await pull(place.companies, [key], []);
  await begin('shadow');
  await begin('live');
  await until(async () => (await advance())?.state.stage === 'open', { what: 'new leads' });
  await place.new.put(key, 'newest');
  read.go();
  await t.rejects(job, { code: 'switch-refused' });
  t.equal(await place.new.name(key), 'newest');
});

t.test('R6: a sync that is slower than a whole switch writes nothing over the new side', async (t) => {
  await place.reset('shadow');
  const key = newKey();
  await place.legacy.put(key, 'old');
  const legacy = new Interrupts();
  const read = legacy.stop('after', 'get');
  const sync = pull(interrupted(place.companies, { legacy }), [key], []);
  await read.reached;
  await begin('live');
  await until(async () => (await advance())?.state.stage === 'open', { what: 'new leads' });
  await place.new.put(key, 'newest');
  read.go();
  t.match(await sync, { synced: [], turned: true });
  t.equal(await place.new.name(key), 'newest');
  t.same((await push(place.companies, [key])).synced, [key]);
  t.equal(await place.legacy.name(key), 'newest');
});

t.test(
  'R19: a replica that has not heard of the entry still writes unmarked, and is waited for',
  async (t) => {
    await place.reset('legacy');
    const replica = await openReplica(place, 'a');
    await begin('dual-write');
    t.match(await advance(), { state: { stage: 'enter' }, waitsFor: /replica a/ });
    const key = newKey();
    await create(replica, key, 'unmarked');
    t.same(await place.marks(), []);
    await replica.routes.refresh();
    t.equal((await advance())?.state.stage, 'open');
    await copy();
    t.equal(await place.new.name(key), 'unmarked', 'whatever was not marked was there before the copy began');
  },
);

t.end();

import t from 'tap';
import { GUARDS } from '../../src/control/guards/index.ts';
import { identify } from '../../src/control/presence.ts';
import { stepBetween, syncsNow, type Step } from '../../src/domain/modes.ts';
import type { Key, Mode, ResourceState } from '../../src/domain/words.ts';
import { emptyNew } from '../../src/replication/empty.ts';
import { listMerged } from '../../src/replication/merged-list.ts';
import { pull } from '../../src/replication/pull.ts';
import { push } from '../../src/replication/push.ts';
import type { BoundResource } from '../../src/replication/resource.ts';
import { markForRepair } from '../../src/state/journal.ts';
import { registerReplica, takeOff } from '../../src/state/replicas.ts';
import { setReturning } from '../../src/state/resources.ts';
import { interrupted, Interrupts } from '../harness/interrupts.ts';
import { until } from '../harness/wait.ts';
import { code, EVERYTHING, NEXT_STAY, openMergedPlace } from './merged-place.ts';
import { change, create, newKey, openCoordinator, openReplica, remove } from './place.ts';

const place = await openMergedPlace(t);
const { companies, generation, see, move, walk, follow } = place;
const { database } = place.binding;
const coordinator = openCoordinator(place);

/** What is known of a key from the stay before. */
async function earlier(key: Key, column: 'deleted' | 'passed'): Promise<void> {
  await place.sides.new.query(
    `INSERT INTO banyan.moved (resource, generation, key, ${column}) VALUES ('companies', $1, $2, true)`,
    [(await generation()) - 1, key],
  );
}

async function refusal(
  name: string,
  from: Mode,
  to: Mode,
  children: readonly BoundResource[] = [],
): Promise<string | null> {
  const guard = GUARDS.find((one) => one.name === name);
  const state = await place.state();
  const answer = await guard?.check({
    database,
    resource: companies,
    state,
    step: stepBetween(from, to) as Step,
    stateOf: () => ({ ...state, mode: 'dual-write' }),
    parents: [],
    children,
  });
  return answer?.reason ?? null;
}

t.test(
  'M1: out of legacy and out of split a drain waits for every write that is under way without a mark',
  async (t) => {
    for (const [from, to] of [
      ['legacy', 'merged'],
      ['split', 'merged'],
    ] as const) {
      await place.reset(from);
      const key = newKey();
      await place.legacy.put(key, 'old');
      const legacy = new Interrupts();
      const held = legacy.stop('before', 'update');
      const replica = await openReplica(place, 'a', { resource: interrupted(companies, { legacy }) });
      // Its mark rests: between two modes in which new decides no drain waits for it.
      if (from === 'split') await create(replica, null, 'made');
      const write = change(replica, key, { name: 'written' });
      await held.reached;
      const coordinator = openCoordinator(place);
      await coordinator.begin(await place.state(), to, 'test');
      await replica.routes.refresh();
      t.match(
        await coordinator.advance('companies'),
        { waitsFor: /replica a to acknowledge/ },
        `${from} to ${to}`,
      );
      held.go();
      await write;
      await replica.routes.refresh();
      t.match(await coordinator.advance('companies'), { state: { stage: 'switch' } }, 'then it goes on');
      await replica.routes.refresh();
      t.match(await coordinator.advance('companies'), { state: { stage: 'open', mode: to } });
      t.equal(await see(key), 'written');
    }
  },
);

t.test('M1: writes that a stopped replica sent without a mark are waited for', async (t) => {
  const { database } = place.binding;
  for (const from of ['legacy', 'split'] as const) {
    await place.reset(from);
    const identity = identify('a');
    await registerReplica(database, identity, 1_500);
    await takeOff(database, identity, 1_500);
    const coordinator = openCoordinator(place);
    await coordinator.begin(await place.state(), 'merged', 'test');
    const step = async () => await coordinator.advance('companies');
    t.match(await step(), { state: { stage: 'drain' }, waitsFor: /stopped replica/ }, from);
    await until(async () => (await step())?.state.stage === 'open', { what: 'nothing can land any more' });
  }
});

t.test('M6, M7: the way back pushes what rests, and the next entry does not meet what is old', async (t) => {
  await place.reset('merged');
  const [kept, changed, deleted, made] = [newKey(), newKey(), newKey(), newKey()];
  for (const key of [kept, changed, deleted]) await place.legacy.put(key, 'old');
  const replica = await openReplica(place, 'a');
  await change(replica, changed, { name: 'changed' });
  await remove(replica, deleted);
  await create(replica, made, 'made');
  await move();
  const stop = follow(replica);
  t.match(await walk('legacy'), { mode: 'legacy', turnedRound: null });
  await stop();
  const names = async () =>
    await Promise.all([kept, changed, deleted, made].map((key) => place.legacy.name(key)));
  t.same(await names(), ['old', 'changed', null, 'made']);
  await place.legacy.put(kept, 'newer');
  await place.legacy.remove(made);
  const stopAgain = follow(replica);
  t.match(await walk('merged'), { mode: 'merged' });
  await stopAgain();
  t.same([await see(kept), await see(changed), await see(made)], ['newer', 'changed', undefined]);
  t.equal(await place.new.name(kept), null, 'new is empty again');
});

t.test('the way from merged to split leads over legacy, so that legacy’s lists lack nothing', async (t) => {
  await place.reset('merged');
  const key = newKey();
  const replica = await openReplica(place, 'a');
  await create(replica, key, 'made');
  const stop = follow(replica);
  const { walked, mode } = await walk('split');
  await stop();
  t.same(
    [mode, ...walked.map(({ step }) => `${step.from}>${step.to}`)],
    ['split', 'merged>legacy', 'legacy>split'],
  );
  t.equal(await place.legacy.name(key), 'made');
});

t.test('new has a way back to merged only where everything came over merged', async (t) => {
  await place.reset('merged');
  const [changed, unmoved] = [newKey(), newKey()];
  for (const key of [changed, unmoved]) await place.legacy.put(key, 'old');
  await change(await openReplica(place, 'a'), changed, { name: 'changed' });
  for (const key of [changed, unmoved]) await earlier(key, 'passed');
  t.match(await refusal('twins-known', 'new', 'merged'), /deleted ones would come back/);
  await move();
  t.equal(await refusal('twins-known', 'new', 'merged'), null);
  await place.sides.new.query(
    `INSERT INTO banyan.switch (resource, from_mode, to_mode, actor) VALUES ('companies', 'new', 'live', 'test')`,
  );
  t.match(await refusal('twins-known', 'new', 'merged'), /it was live since/);
});

t.test('M6: what is known of an earlier stay counts for nothing', async (t) => {
  await place.reset('merged');
  await place.turn(NEXT_STAY);
  const [read, written, pushed] = [newKey(), newKey(), newKey()];
  for (const key of [read, written, pushed]) {
    await place.legacy.put(key, 'there again');
    await earlier(key, 'deleted');
  }
  await place.sides.new.query(
    `INSERT INTO banyan.backfill (resource, generation, status) VALUES ('companies', $1, 'done')`,
    [(await generation()) - 1],
  );
  t.equal(await see(read), 'there again');
  await change(await openReplica(place, 'a'), written, { sector: 'red' });
  const { records, total } = await listMerged(companies, await generation(), EVERYTHING);
  t.same([records.length, total], [3, 3]);
  await push(companies, [pushed]);
  t.equal(await place.legacy.name(pushed), 'there again');
});

t.test('M6: new is emptied only while nobody reads it, and no step is made meanwhile', async (t) => {
  const key = newKey();
  for (const other of [`mode = 'merged', "primary" = 'new'`, `stage = 'drain', next_mode = 'merged'`]) {
    await place.reset('legacy');
    await place.new.put(key, 'in new');
    await place.turn(other);
    t.equal(await code(emptyNew(companies)), 'switch-refused', other);
    t.equal(await place.new.name(key), 'in new');
  }
  await place.reset('legacy');
  await place.turn(NEXT_STAY);
  await place.new.put(key, 'in new');
  const fresh = new Interrupts();
  const held = fresh.stop('before', 'removeMany');
  const emptied = emptyNew(interrupted(companies, { new: fresh }));
  await held.reached;
  const step = coordinator.begin(await place.state(), 'merged', 'test');
  t.equal(await place.endsOrWaits(step), 'waits');
  held.go();
  await emptied;
  t.match(await step, { stage: 'drain' });
});

t.test('M6: no copy comes into new between its emptying and the step', async (t) => {
  await place.reset('legacy');
  await place.turn(NEXT_STAY);
  const key = newKey();
  await place.legacy.put(key, 'old');
  // As a parent of another resource's record, which leaves no mark here.
  t.match(await pull(companies, [key], []), { synced: [key] });
  t.equal(await coordinator.begin(await place.state(), 'merged', 'test'), null, 'it is to be emptied again');
  await emptyNew(companies);
  t.match(await coordinator.begin(await place.state(), 'merged', 'test'), { stage: 'drain' });
  t.match(await pull(companies, [key], []), { turned: true, synced: [] });
  t.equal(await place.new.name(key), null);
});

t.test('M6: what new held before Banyan led it is never removed, and somebody has to say so', async (t) => {
  const { leads } = Object.fromEntries(place.binding.resources);
  const asked = async (children: BoundResource[] = []) =>
    await refusal('new-side-empty', 'legacy', 'merged', children);
  await place.reset('legacy');
  await place.sides.new.query(
    `UPDATE banyan.switch SET outcome = 'turned-round' WHERE resource = 'companies'`,
  );
  const key = newKey();
  t.equal(await asked(), null);
  await markForRepair(database, 'companies', [key]);
  t.match(await asked(), /1 marks of an earlier mode/);
  await place.sides.new.query('DELETE FROM banyan.mark');
  await place.new.put(key, 'of new');
  t.match(await asked(), /holds 1 records already/);
  await walk('merged');
  t.equal(await see(key), 'of new');
  await place.reset('legacy');
  await place.new.put(key, 'a copy');
  t.equal(await asked(), null, 'of an earlier stay it is');
  t.match(await asked([leads as BoundResource]), /old copies, to which records of leads refer/);
});

t.test('M7: what rests is worked off before the drain, while reads and writes run on', async (t) => {
  await place.reset('merged');
  const replica = await openReplica(place, 'a');
  const [first, second] = [newKey(), newKey()];
  await create(replica, first, 'first');
  await place.sides.new.query(`UPDATE banyan.mark SET created_at = now() - interval '1 hour'`);
  const seen: (ResourceState & { waitsFor: string | null })[] = [];
  const walked = walk('legacy', (state, waitsFor) => {
    if (waitsFor || state.stage !== 'open') seen.push({ ...state, waitsFor });
  });
  await until(() => seen[0], { what: 'the way back waits for something' });
  t.match(seen[0], { mode: 'merged', stage: 'open', returning: true, waitsFor: /^1 marks are left/ });
  await replica.routes.refresh();
  await create(replica, second, 'second');
  t.equal(await see(second), 'second');
  t.match(await place.state(), { stage: 'open', returning: true }, 'the drain waits for what is old');
  const stop = follow(replica);
  t.match(await walked, { mode: 'legacy', turnedRound: null });
  await stop();
  t.same([await place.legacy.name(first), await place.legacy.name(second)], ['first', 'second']);
  t.match(await place.state(), { returning: false });
});

t.test('M7: the drain waits for the last marks, which are worked off in it', async (t) => {
  await place.reset('merged');
  const key = newKey();
  await create(await openReplica(place, 'a'), key, 'last');
  await coordinator.begin(await place.state(), 'legacy', 'test');
  t.match(await coordinator.advance('companies'), { state: { stage: 'drain' }, waitsFor: /^1 marks/ });
  t.equal(syncsNow(await place.state()), true);
  await push(companies, [key]);
  t.match(await coordinator.advance('companies'), { state: { stage: 'switch' } });
});

t.test('M7: marks rest again when the way back turns round, or is not wanted any more', async (t) => {
  await place.reset('merged');
  await create(await openReplica(place, 'a'), newKey(), 'rests');
  const returning = async () => await setReturning(database, await place.state(), true);
  await returning();
  t.equal(syncsNow(await place.state()), true);
  await coordinator.begin(await place.state(), 'legacy', 'test');
  await place.turn('budget_until = now()');
  t.match(await coordinator.advance('companies'), { state: { stage: 'open', mode: 'merged' } });
  t.equal(syncsNow(await place.state()), false, 'it turned round');
  await returning();
  await walk('merged');
  t.equal(syncsNow(await place.state()), false, 'somebody asked for where it is');
  t.equal((await place.marks()).length, 1);
});

t.end();

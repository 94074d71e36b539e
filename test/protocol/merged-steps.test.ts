import t from 'tap';
import { GUARDS } from '../../src/control/guards/index.ts';
import { identify } from '../../src/control/presence.ts';
import { Switching } from '../../src/control/switching.ts';

import { syncsNow } from '../../src/domain/modes.ts';

import type { Key, Mode } from '../../src/domain/words.ts';

import { moveAll } from '../../src/replication/mover.ts';

import { readMerged } from '../../src/replication/places.ts';
import { push } from '../../src/replication/push.ts';

import { registerReplica, takeOff } from '../../src/state/replicas.ts';
import { interrupted, Interrupts } from '../harness/interrupts.ts';
import { until } from '../harness/wait.ts';
import {
  change,
  create,
  newKey,
  openCoordinator,
  openPlace,
  openReplica,
  remove,
  type ReplicaSetup,
} from './place.ts';

const place = await openPlace(t);
const { companies } = place;
const generation = async () => (await place.state()).generation;
const see = async (key: Key) => (await readMerged(companies, await generation(), [key])).get(key)?.name;
const move = async (resource = companies, again = false) =>
  await moveAll(resource, { generation: await generation(), again, syncParents: async () => {} });

/** What a process does beside requests: takes new states, and works off marks where they do not rest. */
function follow({ routes }: ReplicaSetup): () => void {
  let last = Promise.resolve();
  const look = async () => {
    await routes.refresh();
    const state = routes.state('companies');
    const keys = (await place.marks()).map(({ key }) => key as Key);
    if (state && syncsNow(state) && keys.length > 0) await push(companies, keys);
  };
  const timer = setInterval(() => void (last = last.then(look).catch(() => undefined)), 20);
  return () => clearInterval(timer);
}

async function walk(to: Mode, onWait?: (reason: string) => void) {
  const coordinator = openCoordinator(place);
  const switching = new Switching(place.binding.database, coordinator, (name) =>
    place.binding.resources.get(name),
  );
  const forced = new Map(GUARDS.map(({ name }) => [name, 'the test']));
  forced.delete('marks-age');
  const onProgress = (_state: unknown, waitsFor: string | null) => waitsFor && onWait?.(waitsFor);
  return await switching.walk({
    resource: 'companies',
    to,
    actor: 'test',
    source: 'command',
    forced,
    onProgress,
  });
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
  stop();
  const names = async () =>
    await Promise.all([kept, changed, deleted, made].map((key) => place.legacy.name(key)));
  t.same(await names(), ['old', 'changed', null, 'made']);
  await place.legacy.put(kept, 'newer');
  await place.legacy.remove(made);
  const stopAgain = follow(replica);
  t.match(await walk('merged'), { mode: 'merged' });
  stopAgain();
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
  stop();
  t.same(
    [mode, ...walked.map(({ step }) => `${step.from}>${step.to}`)],
    ['split', 'merged>legacy', 'legacy>split'],
  );
  t.equal(await place.legacy.name(key), 'made');
});

t.test('new has a way back to merged only where everything came over merged', async (t) => {
  const guard = GUARDS.find(({ name }) => name === 'twins-known');
  const refusal = async () =>
    await guard?.check({
      database: place.binding.database,
      resource: companies,
      state: await place.state(),
      step: { from: 'new', to: 'merged', kind: 'plain', direction: 'down' },
      stateOf: () => undefined,
      parents: [],
      children: [],
    });
  await place.reset('merged');
  const [changed, unmoved] = [newKey(), newKey()];
  for (const key of [changed, unmoved]) await place.legacy.put(key, 'old');
  await change(await openReplica(place, 'a'), changed, { name: 'changed' });
  t.match(await refusal(), { reason: /deleted ones would come back/ });
  await move();
  t.equal(await refusal(), null);
});

t.end();

import t from 'tap';
import { identify } from '../../src/control/presence.ts';
import type { ResourceSettings } from '../../src/domain/configuration.ts';
import type { Mode } from '../../src/domain/words.ts';
import { markLegacyWrite } from '../../src/state/journal.ts';
import { settleLeases, takeLeases } from '../../src/state/leases.ts';
import { acknowledge, registerReplica } from '../../src/state/replicas.ts';
import {
  holdLegacyPrimary,
  lockForStep,
  readSituation,
  readStates,
  stepResource,
} from '../../src/state/resources.ts';
import { readSwitch } from '../../src/state/switches.ts';
import { Interrupts, interruptedDatabase, statement } from '../harness/interrupts.ts';
import { until } from '../harness/wait.ts';
import { create, newKey, openCoordinator, openPlace, openReplica } from './place.ts';

const place = await openPlace(t);
const { database } = place.binding;
const coordinator = openCoordinator(place);

async function begin(to: Mode, by = coordinator) {
  const begun = await by.begin(await place.state(), to, 'test');
  if (!begun) throw new Error('the switch did not begin');
  return begun;
}

/** A coordinator whose switches have little time, and replicas that hold writes for as long. */
function hurried(settings: ResourceSettings['switch']) {
  const resource = {
    ...place.companies,
    settings: { ...place.companies.settings, switch: settings },
  };
  return { resource, coordinator: openCoordinator(place, resource) };
}

const advance = async () => await coordinator.advance('companies');
const stages = async () => (await place.state()).stage;
/** Steps until the resource is open or waits for something. */
async function run(by = coordinator) {
  for (;;) {
    const progress = await by.advance('companies');
    if (!progress || progress.waitsFor !== null || progress.state.stage === 'open') return progress;
  }
}

t.test(
  'R10: of two coordinators that begin at the same time one does, and a step is made once',
  async (t) => {
    await place.reset('shadow');
    const seen = await place.state();
    const begun = await Promise.all(['one', 'two'].map((actor) => coordinator.begin(seen, 'live', actor)));
    t.equal(begun.filter((state) => state !== null).length, 1);
    const drain = await place.state();
    t.equal(drain.epoch, seen.epoch + 1);
    const open = {
      nextMode: null,
      previousMode: null,
      stage: 'open',
      mode: 'legacy',
      primary: 'legacy',
    } as const;
    t.equal(await stepResource(database, 'companies', seen.epoch, open), null, 'an old epoch steps nowhere');
    await Promise.all([advance(), advance(), advance()]);
    await run();
    t.match(await place.state(), { stage: 'open', mode: 'live', epoch: seen.epoch + 3 });
  },
);

t.test('R10: a coordinator goes on with a switch that another one began', async (t) => {
  await place.reset('live');
  const begun = await begin('shadow', openCoordinator(place));
  t.equal((await run(openCoordinator(place)))?.state.mode, 'shadow');
  t.match(await readSwitch(database, begun.switchId as string), { outcome: 'done', to: 'shadow' });
});

t.test('R12: a drain waits for every mark, pending ones too', async (t) => {
  await place.reset('shadow');
  const [mark] = await markLegacyWrite(database, {
    resource: 'companies',
    keys: [newKey()],
    replica: 'a',
    deadline: 60_000,
  });
  await begin('live');
  t.match(await run(), { state: { stage: 'drain' }, waitsFor: /1 marks/ });
  await database.query('DELETE FROM banyan.mark WHERE id = $1::bigint', [mark]);
  t.match(await run(), { state: { stage: 'open', mode: 'live' } });
});

t.test('R12: a drain waits for every lease, and none is given once reads may have moved', async (t) => {
  await place.reset('live');
  const keys = [newKey()];
  const lease = { resource: 'companies', keys, holder: identify('a').instance, duration: 60_000 };
  t.same(await takeLeases(database, lease), keys);
  await begin('shadow');
  t.match(await run(), { state: { stage: 'drain' }, waitsFor: /1 leases/ });
  await settleLeases(database, lease, []);
  t.equal((await advance())?.state.stage, 'switch');
  t.same(await takeLeases(database, lease), [], 'a syncer with an old view would write over legacy');
});

t.test('R12: a drain that takes too long goes straight back, and asks no replica', async (t) => {
  await place.reset('shadow');
  const { coordinator } = hurried({ hold: 100, budget: 1 });
  await openReplica(place, 'cut-off');
  await markLegacyWrite(database, {
    resource: 'companies',
    keys: [newKey()],
    replica: 'a',
    deadline: 60_000,
  });
  const { switchId } = await begin('live', coordinator);
  await until(async () => (await run(coordinator))?.state.stage === 'open', { what: 'it is open again' });
  t.match(await place.state(), { mode: 'shadow', primary: 'legacy' });
  t.match(await readSwitch(database, switchId as string), { outcome: 'turned-round' });
});

t.test('R13: a replica stops its reads, and reads the new route only when C has its word', async (t) => {
  await place.reset('shadow');
  const control = new Interrupts();
  const seen = interruptedDatabase(database, control);
  const replica = await openReplica(place, 'a', { database: seen });
  const { routes } = replica;
  await begin('live');
  await routes.refresh();
  t.equal((await routes.beginRead('companies', 1_000)).mode, 'shadow', 'reads go on while it drains');
  await advance();
  const word = control.stop('before', 'query', statement('INSERT INTO banyan.ack'));
  const refresh = routes.refresh();
  await word.reached;
  await t.rejects(routes.beginRead('companies', 50), { code: 'switching' }, 'neither route is read');
  t.match(await advance(), { waitsFor: /replica a/ });
  word.go();
  await refresh;
  t.equal((await routes.beginRead('companies', 1_000)).primary, 'new');
  t.equal((await advance())?.state.stage, 'open');
});

t.test('R13: an acknowledgement of a step that is over is not taken', async (t) => {
  await place.reset('shadow');
  const identity = identify('late');
  await registerReplica(database, identity, 1_000);
  await begin('live');
  const drain = await place.state();
  await advance();
  t.notOk(await acknowledge(database, identity, { ...drain, mode: 'live' }));
  t.notOk(
    await acknowledge(database, { ...identity, instance: newKey() }, await place.state()),
    'a stranger',
  );
  t.ok(await acknowledge(database, identity, await place.state()));
});

t.test(
  'R14: the resource opens when every registered replica has moved its reads, writes wait',
  async (t) => {
    await place.reset('shadow');
    const [quick, slow] = [await openReplica(place, 'quick'), await openReplica(place, 'slow')];
    await begin('live');
    await advance();
    await quick.routes.refresh();
    const key = newKey();
    const answer = create(quick, key, 'one');
    t.match(await run(), { state: { stage: 'switch' }, waitsFor: 'replica slow to acknowledge' });
    t.same([await place.legacy.name(key), await place.new.name(key)], [null, null], 'held');
    t.equal((await slow.routes.beginRead('companies', 1_000)).mode, 'shadow', 'it still reads what it did');
    await slow.routes.refresh();
    t.equal((await run())?.state.stage, 'open');
    await quick.routes.refresh();
    t.equal((await answer).side, 'new');
  },
);

t.test('R15: with a replica that is cut off the switch turns round to the route that it has', async (t) => {
  await place.reset('shadow');
  const { resource, coordinator } = hurried({ hold: 200, budget: 2_500 });
  const here = await openReplica(place, 'here', { resource });
  const cut = await openReplica(place, 'cut-off', { resource });
  const { switchId } = await begin('live', coordinator);
  await run(coordinator);
  await here.routes.refresh();
  t.equal((await here.routes.beginRead('companies', 1_000)).mode, 'live');
  const key = newKey();
  const refusals: unknown[] = [];
  void create(here, key, 'one').catch((error: unknown) => refusals.push(error));
  await until(() => refusals.length > 0, { what: 'the write is held no longer' });
  t.match(refusals, [{ code: 'switching', outcome: 'not-applied' }]);
  await until(
    async () => {
      const progress = await run(coordinator);
      await here.routes.refresh();
      return progress?.state.stage === 'open';
    },
    { what: 'it is open again' },
  );
  t.match(await place.state(), { mode: 'shadow', primary: 'legacy' });
  t.match(await readSwitch(database, switchId as string), { outcome: 'turned-round' });
  t.equal((await cut.routes.beginRead('companies', 1_000)).mode, 'shadow', 'it never read anything else');
  t.equal((await create(here, key, 'one')).side, 'legacy');
});

t.test('R17: a restart counts as acknowledgement of what it has read, and waits for a step', async (t) => {
  await place.reset('shadow');
  await registerReplica(database, identify('a'), 0);
  await begin('live');
  await advance();
  const state = await place.state();
  t.same((await readSituation(database, state, 'new')).missingAcks, ['a']);
  await registerReplica(database, identify('a'), 0);
  t.same((await readSituation(database, state, 'new')).missingAcks, []);
  const { registration, outcome } = await database.transaction(async (sql) => {
    const open = { nextMode: null, previousMode: null, stage: 'open', mode: 'live', primary: 'new' } as const;
    await stepResource(sql, 'companies', state.epoch, open);
    const registration = registerReplica(database, identify('b'), 0);
    return { registration, outcome: await place.endsOrWaits(registration) };
  });
  t.equal(outcome, 'waits');
  const states = await registration;
  t.match(
    states.find(({ resource }) => resource === 'companies'),
    { stage: 'open', mode: 'live' },
  );
});

t.test('R18: a replica ignores an older state that it reads late', async (t) => {
  await place.reset('shadow');
  const control = new Interrupts();
  const replica = await openReplica(place, 'a', { database: interruptedDatabase(database, control) });
  const late = control.stop('after', 'query', statement('FROM banyan.resource ORDER BY name'));
  const refresh = replica.routes.refresh();
  await late.reached;
  await begin('live');
  await advance();
  await replica.routes.register();
  const { epoch } = await place.state();
  t.equal(replica.routes.state('companies')?.epoch, epoch);
  late.go();
  await refresh;
  t.match(replica.routes.state('companies'), { epoch, stage: 'switch', mode: 'live' });
  t.equal((await replica.routes.beginRead('companies', 1_000)).mode, 'live');
});

t.test('R18: epoch, stage and primary of everything are read in one snapshot', async (t) => {
  await place.reset('shadow');
  const control = new Interrupts();
  await readStates(interruptedDatabase(database, control));
  t.equal(control.count('query'), 1);
  t.equal(await stages(), 'open');
});

t.end();

t.test('R10: a step has its turn although syncs share the row without a pause', async (t) => {
  await place.reset('dual-write');
  const { epoch } = await place.state();
  let rounds = 0;
  let stepped = false;
  const share = async () => {
    for (; !stepped && rounds < 1_000; rounds += 1) {
      await database.transaction(async (sql) => {
        await holdLegacyPrimary(sql, 'companies');
        await sql.query('SELECT pg_sleep(0.05)');
      });
    }
  };
  const sharers = Promise.all(Array.from({ length: 6 }, share));
  await until(() => rounds > 12, { what: 'the row is shared all the time' });
  const step = database.transaction(async (sql) => await lockForStep(sql, 'companies', epoch));
  t.equal(await step.finally(() => (stepped = true)), true);
  await sharers;
});

import t from 'tap';
import { beginStep } from '../../src/control/steps.ts';
import type { Mode } from '../../src/domain/words.ts';
import { withClient } from '../../src/quickstart/accounts.ts';
import { markLegacyWrite } from '../../src/state/journal.ts';
import { lockForStep, stepResource } from '../../src/state/resources.ts';
import { readPauses } from '../../src/state/switches.ts';
import { Interrupts, interrupted, statement } from '../harness/interrupts.ts';
import { until } from '../harness/wait.ts';
import { create, newKey, openCoordinator, openPlace, openReplica, type ReplicaSetup } from './place.ts';

const place = await openPlace(t);
const { database } = place.binding;
const coordinator = openCoordinator(place);

async function begin(to: Mode) {
  const begun = await coordinator.begin(await place.state(), to, 'test');
  if (!begun) throw new Error('the switch did not begin');
  return begun;
}

/** Does the steps of a switch with this one replica, until the resource is open. */
async function finish(replica: ReplicaSetup): Promise<void> {
  for (;;) {
    const progress = await coordinator.advance('companies');
    await replica.routes.refresh();
    if (progress?.state.stage === 'open') return;
  }
}

const mark = () => ({ resource: 'companies', keys: [newKey()], replica: 'a', deadline: 60_000 });

t.test('R8: a replica that has not heard of the drain sends nothing to legacy', async (t) => {
  await place.reset('shadow');
  const legacy = new Interrupts();
  const replica = await openReplica(place, 'a', { resource: interrupted(place.companies, { legacy }) });
  const key = newKey();
  await begin('live');
  t.equal(replica.routes.state('companies')?.stage, 'open', 'by its own view');
  const answer = create(replica, key, 'one');
  await until(() => replica.routes.state('companies')?.stage === 'drain', { what: 'it was refused' });
  t.same([legacy.count('insert'), await place.marks()], [0, []]);
  await finish(replica);
  t.equal((await answer).side, 'new', 'the write was decided anew and has not failed');
  t.same([await place.legacy.name(key), await place.new.name(key)], [null, 'one']);
});

t.test('R8: a step of a switch waits for a mark that is being made, and sees it', async (t) => {
  await place.reset('shadow');
  const { begun, outcome } = await database.transaction(async (sql) => {
    await markLegacyWrite(sql, mark());
    const step = begin('live');
    return { begun: step, outcome: await place.endsOrWaits(step) };
  });
  t.equal(outcome, 'waits');
  await begun;
  t.match((await coordinator.advance('companies'))?.waitsFor, /1 marks/);
});

t.test('R8: a mark that waits for a step sees it, and is not made', async (t) => {
  await place.reset('shadow');
  const seen = await place.state();
  const { marking, outcome } = await database.transaction(async (sql) => {
    await lockForStep(sql, 'companies', seen.epoch);
    await stepResource(sql, 'companies', seen.epoch, beginStep(seen, 'live', '1', 20_000));
    const marking = markLegacyWrite(database, mark());
    return { marking: marking.catch((error: unknown) => error), outcome: await place.endsOrWaits(marking) };
  });
  t.equal(outcome, 'waits');
  t.match(await marking, { code: 'switching' });
  t.same(await place.marks(), []);
});

t.test('R8: a process that was paused between mark and request sends nothing', async (t) => {
  await place.reset('dual-write');
  const control = new Interrupts();
  const timing = { timeout: 100, deadline: 400 };
  const paused = interrupted(place.companies, { database: control, timing });
  const replica = await openReplica(place, 'a', { resource: paused });
  const mark = control.stop('after', 'query', statement('INSERT INTO banyan.mark'));
  const key = newKey();
  const answer = create(replica, key, 'one');
  await mark.reached;
  await until(async () => (await place.marks(key)).every(({ pending }) => !pending), { what: 'T is over' });
  mark.go();
  await t.rejects(answer, { code: 'too-slow-to-send', outcome: 'not-applied' });
  t.equal(await place.legacy.name(key), null);
});

t.test('R8: an answer that comes after the deadline is not passed on as done', async (t) => {
  await place.reset('dual-write');
  const legacy = new Interrupts();
  const timing = { timeout: 100, deadline: 3_000 };
  const replica = await openReplica(place, 'a', {
    resource: interrupted(place.companies, { legacy, timing }),
  });
  const late = legacy.stop('after', 'insert');
  const key = newKey();
  const answer = create(replica, key, 'one');
  await Promise.race([late.reached, answer]);
  await until(async () => (await place.marks(key)).every(({ pending }) => !pending), { what: 'T is over' });
  late.go();
  await t.rejects(answer, { code: 'outcome-unknown', outcome: 'unknown' });
  t.equal((await place.marks(key)).length, 1, 'whoever comes by finds the mark');
});

t.test('R9: the new side refuses every writer while it does not lead or the resource drains', async (t) => {
  for (const mode of ['dual-write', 'shadow'] as const) {
    await place.reset(mode);
    await t.rejects(place.new.put(newKey(), 'one'), { code: 'BN001' }, mode);
  }
  await place.reset('live');
  const key = newKey();
  await place.new.put(key, 'one');
  await place.sides.new.query('DELETE FROM banyan.mark');
  await begin('shadow');
  await t.rejects(place.new.put(key, 'two'), { code: 'BN001' }, 'drain');
  await t.rejects(place.new.remove(key), { code: 'BN001' }, 'a delete too');
  await coordinator.advance('companies');
  t.equal((await place.state()).stage, 'switch');
  await t.rejects(place.new.put(key, 'two'), { code: 'BN001' }, 'switch');
});

t.test('R9: a step waits for a write to the new side that is under way, and sees its mark', async (t) => {
  await place.reset('live');
  const { begun, outcome } = await database.transaction(async (sql) => {
    await sql.query(`INSERT INTO companies (id, name) VALUES ($1::uuid, 'one')`, [newKey()]);
    const step = begin('shadow');
    return { begun: step, outcome: await place.endsOrWaits(step) };
  });
  t.equal(outcome, 'waits');
  await begun;
  t.match((await coordinator.advance('companies'))?.waitsFor, /1 marks/);
});

t.test('R9: a transaction that looked before a step writes nothing after it', async (t) => {
  await place.reset('live');
  const key = newKey();
  const writing = withClient(place.sides.new.url, async (client) => {
    // The isolation in which a plain SELECT would still see the stage of the beginning.
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM companies');
    await begin('shadow');
    await client.query(`INSERT INTO companies (id, name) VALUES ($1::uuid, 'late')`, [key]);
    await client.query('COMMIT');
  });
  await t.rejects(writing, { code: '40001' });
  t.same([await place.new.name(key), await place.marks()], [null, []]);
});

t.test('R8, R9: a replica that missed a whole switch writes to the side that leads now', async (t) => {
  for (const [seen, mode, side] of [
    ['live', 'shadow', 'legacy'],
    ['shadow', 'live', 'new'],
  ] as const) {
    await place.reset(seen);
    const replica = await openReplica(place, 'a');
    await place.sides.new.query(
      `UPDATE banyan.resource SET epoch = epoch + 3, mode = '${mode}', "primary" = '${side}' WHERE name = 'companies'`,
    );
    const key = newKey();
    t.equal((await create(replica, key, 'one')).side, side);
    const names = { legacy: await place.legacy.name(key), new: await place.new.name(key) };
    t.same(names, { legacy: null, new: null, [side]: 'one' });
  }
});

t.test(
  'R9: a write decided while the new side led is not done there after a rollback to legacy alone',
  async (t) => {
    await place.reset('live');
    const next = new Interrupts();
    const replica = await openReplica(place, 'a', { resource: interrupted(place.companies, { new: next }) });
    const late = next.stop('before', 'insert');
    const key = newKey();
    const answer = create(replica, key, 'one');
    await late.reached;
    for (const mode of ['shadow', 'dual-write', 'legacy'] as const) {
      await begin(mode);
      await finish(replica);
    }
    late.go();
    t.equal((await answer).side, 'legacy');
    t.same([await place.legacy.name(key), await place.new.name(key)], ['one', null]);
    await t.resolves(
      place.new.put(newKey(), 'by hand'),
      'nobody but the gateway is kept from filling the new side',
    );
  },
);

t.test('R11: writes that come while a resource drains are held, and go on when it is open', async (t) => {
  await place.reset('shadow');
  const legacy = new Interrupts();
  const replica = await openReplica(place, 'a', { resource: interrupted(place.companies, { legacy }) });
  const { switchId } = await begin('live');
  await replica.routes.refresh();
  const keys = [newKey(), newKey(), newKey()];
  const answers = keys.map((key) => create(replica, key, 'held'));
  await finish(replica);
  t.same(
    (await Promise.all(answers)).map(({ side }) => side),
    ['new', 'new', 'new'],
  );
  t.equal(legacy.count('insert'), 0);
  const pauses = () => readPauses(database, switchId as string);
  await until(async () => (await pauses()).length > 0, { what: 'the replica reports its pause' });
  t.match(await pauses(), [{ replica: 'a', held: 3, failed: 0 }]);
});

t.test(
  'R15: a write that is held for longer than its time is refused, and nothing of it is sent',
  async (t) => {
    await place.reset('shadow');
    const legacy = new Interrupts();
    const settings = { ...place.companies.settings, switch: { hold: 200, budget: 60_000 } };
    const resource = interrupted({ ...place.companies, settings }, { legacy });
    const replica = await openReplica(place, 'a', { resource });
    await begin('live');
    await replica.routes.refresh();
    const key = newKey();
    await t.rejects(create(replica, key, 'held for too long'), { code: 'switching' });
    t.equal(legacy.count('insert'), 0);
    await finish(replica);
    const { legacy: there, new: here } = place.companies;
    t.same([...(await there.get([key])), ...(await here.get([key]))], []);
  },
);

t.end();

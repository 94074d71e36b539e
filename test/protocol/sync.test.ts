import t from 'tap';
import { compareSides } from '../../src/replication/compare.ts';
import { pull } from '../../src/replication/pull.ts';
import { push } from '../../src/replication/push.ts';
import { dueKeys, markForRepair } from '../../src/state/journal.ts';
import { interrupted, Interrupts } from '../harness/interrupts.ts';
import { until } from '../harness/wait.ts';
import { change, newKey, openPlace, openReplica } from './place.ts';

const place = await openPlace(t);
const { database } = place.binding;

/** A company that both sides have, and that is marked. */
async function marked(mode: 'dual-write' | 'live', name: string): Promise<string> {
  await place.reset(mode);
  const key = newKey();
  await place.legacy.put(key, name);
  if (mode === 'live') await place.new.put(key, name);
  else await pull(place.companies, [key], []);
  if (mode === 'dual-write') await markForRepair(database, 'companies', [key]);
  return key;
}

/** What both sides hold of a key, and how many marks are left of it. */
async function found(key: string) {
  return {
    legacy: await place.legacy.name(key),
    new: await place.new.name(key),
    marks: (await place.marks(key)).length,
  };
}

const leaseIsOver = async (key: string) => {
  const text = `SELECT until <= clock_timestamp() AS over FROM banyan.lease WHERE key = $1`;
  await until(async () => (await place.sides.new.query<{ over: boolean }>(text, [key]))[0]?.over, {
    what: 'the lease is over',
  });
};
const leaseHolder = async (key: string) =>
  (await place.sides.new.query('SELECT holder FROM banyan.lease WHERE key = $1', [key]))[0]?.holder;

t.test('R3: a sync into the new side clears only the marks that it chose before its read', async (t) => {
  const key = await marked('dual-write', 'old');
  await place.legacy.put(key, 'one');
  const legacy = new Interrupts();
  const read = legacy.stop('after', 'get');
  const sync = pull(interrupted(place.companies, { legacy }), [key], []);
  await read.reached;
  await place.legacy.put(key, 'two');
  await markForRepair(database, 'companies', [key]);
  read.go();
  await sync;
  t.same(await found(key), { legacy: 'two', new: 'one', marks: 1 }, 'behind, and known to be');
  await pull(place.companies, [key], []);
  t.same(await found(key), { legacy: 'two', new: 'two', marks: 0 });
});

t.test('R3: a sync into legacy clears only the marks that it chose before its read', async (t) => {
  const key = await marked('live', 'old');
  const next = new Interrupts();
  const read = next.stop('after', 'get');
  const sync = push(interrupted(place.companies, { new: next }), [key]);
  await read.reached;
  await place.new.put(key, 'two');
  read.go();
  await sync;
  t.same(await found(key), { legacy: 'old', new: 'two', marks: 1 }, 'behind, and known to be');
  await push(place.companies, [key]);
  t.same(await found(key), { legacy: 'two', new: 'two', marks: 0 });
});

t.test(
  'R4: what a write was answered is never copied: a late answer does not undo a newer write',
  async (t) => {
    const key = await marked('dual-write', 'old');
    await pull(place.companies, [key], []);
    const legacy = new Interrupts();
    const late = await openReplica(place, 'a', { resource: interrupted(place.companies, { legacy }) });
    const quick = await openReplica(place, 'b');
    const answer = legacy.stop('after', 'update');
    const first = change(late, key, { name: 'one' });
    await Promise.race([answer.reached, first]);
    await change(quick, key, { name: 'two' });
    await quick.syncer.syncNow([key]);
    answer.go();
    t.equal((await first).record.name, 'one');
    t.equal(await place.new.name(key), 'two');
    await late.syncer.syncNow([key]);
    t.same(await found(key), { legacy: 'two', new: 'two', marks: 0 });
  },
);

t.test(
  'R4: a PATCH is one operation of the primary: concurrent changes of two fields are both kept',
  async (t) => {
    const key = await marked('dual-write', 'old');
    const legacy = new Interrupts();
    const slow = await openReplica(place, 'a', { resource: interrupted(place.companies, { legacy }) });
    const quick = await openReplica(place, 'b');
    const requests = ['update', 'upsertMany'].map((method) => legacy.stop('before', method));
    const first = change(slow, key, { name: 'renamed' });
    await Promise.race(requests.map((request) => request.reached));
    await change(quick, key, { sector: 'retail' });
    for (const request of requests) request.go();
    await first;
    t.match((await place.companies.legacy.get([key])).get(key), { name: 'renamed', sector: 'retail' });
  },
);

t.test('R6: a sync that was overtaken writes nothing, and the key is synced again', async (t) => {
  const key = await marked('dual-write', 'old');
  const legacy = new Interrupts();
  const read = legacy.stop('after', 'get');
  const slow = pull(interrupted(place.companies, { legacy }), [key], []);
  await read.reached;
  await place.legacy.put(key, 'two');
  await markForRepair(database, 'companies', [key]);
  t.same((await pull(place.companies, [key], [])).synced, [key]);
  t.same(await found(key), { legacy: 'two', new: 'two', marks: 0 });
  read.go();
  t.match(await slow, { synced: [], again: [key] });
  t.same(await found(key), { legacy: 'two', new: 'two', marks: 0 });
});

t.test('R6: a delete that was synced is not undone by a sync that read before it', async (t) => {
  const key = await marked('dual-write', 'old');
  const legacy = new Interrupts();
  const read = legacy.stop('after', 'get');
  const slow = pull(interrupted(place.companies, { legacy }), [key], []);
  await read.reached;
  await place.legacy.remove(key);
  await pull(place.companies, [key], []);
  read.go();
  await slow;
  t.same(await found(key), { legacy: null, new: null, marks: 0 });
});

t.test(
  'R7a: the lease is committed before legacy is asked, and nobody else has the key meanwhile',
  async (t) => {
    const key = await marked('live', 'old');
    await place.new.put(key, 'one');
    const legacy = new Interrupts();
    const request = legacy.stop('before', 'upsertMany');
    const first = push(interrupted(place.companies, { legacy }), [key]);
    await request.reached;
    t.ok(await leaseHolder(key));
    t.match(await push(place.companies, [key]), { synced: [] });
    t.equal(await place.legacy.name(key), 'old');
    request.go();
    t.same((await first).synced, [key]);
    t.same(await found(key), { legacy: 'one', new: 'one', marks: 0 });
    t.notOk(await leaseHolder(key), 'given back');
  },
);

t.test('R7a: a syncer that was paused until its lease was over sends nothing', async (t) => {
  const key = await marked('live', 'old');
  await place.new.put(key, 'one');
  const next = new Interrupts();
  const read = next.stop('after', 'get');
  const timing = { timeout: 100, deadline: 500 };
  const zombie = push(interrupted(place.companies, { new: next, timing }), [key]);
  await read.reached;
  await place.new.put(key, 'two');
  await leaseIsOver(key);
  t.same((await push(place.companies, [key])).synced, [key]);
  read.go();
  await t.rejects(zombie, { code: 'too-slow-to-send' });
  t.same(await found(key), { legacy: 'two', new: 'two', marks: 0 });
});

t.test('R7a: without an answer the lease is left to run out, then the key is synced again', async (t) => {
  const key = await marked('live', 'old');
  await place.new.put(key, 'one');
  const timing = { timeout: 100, deadline: 2_500 };
  const way = place.legacyWay;
  await way.cutAfter(0);
  await t.rejects(push(interrupted(place.companies, { timing }), [key]), {
    code: 'outcome-unknown',
    outcome: 'unknown',
  });
  await way.pass();
  t.same(await dueKeys(database, 'companies', 10), [], 'nobody takes it up');
  t.match(await push(place.companies, [key]), { synced: [] });
  t.ok(await leaseHolder(key));
  t.equal((await place.marks(key)).length, 2, 'of both writes');
  await leaseIsOver(key);
  t.same(await dueKeys(database, 'companies', 10), [key]);
  await push(place.companies, [key]);
  t.same(await found(key), { legacy: 'one', new: 'one', marks: 0 });
});

t.test('R7a: an answer after the lease was taken over clears nothing', async (t) => {
  const key = await marked('live', 'old');
  await place.new.put(key, 'one');
  const [legacy, later] = [new Interrupts(), new Interrupts()];
  const answer = legacy.stop('after', 'upsertMany');
  const timing = { timeout: 100, deadline: 2_500 };
  const slow = push(interrupted(place.companies, { legacy, timing }), [key]);
  await Promise.race([answer.reached, slow]);
  await leaseIsOver(key);
  const request = later.stop('before', 'upsertMany');
  const second = push(interrupted(place.companies, { legacy: later }), [key]);
  await request.reached;
  const holder = await leaseHolder(key);
  answer.go();
  await slow;
  t.equal(await leaseHolder(key), holder, 'the lease of the other stays');
  t.equal((await place.marks(key)).length, 2, 'and so do the marks');
  request.go();
  await second;
  t.same(await found(key), { legacy: 'one', new: 'one', marks: 0 });
});

t.test('R30: nothing is said of a key that is written or synced while it is compared', async (t) => {
  const key = await marked('dual-write', 'old');
  const clean = async () => void (await place.sides.new.query('DELETE FROM banyan.mark'));
  const mark = async () => void (await markForRepair(database, 'companies', [key]));
  const verdict = async (resource = place.companies) => (await compareSides(resource, [key])).get(key);
  /** What is said where this comes between the reads and the second look for marks. */
  const meanwhile = async (work: () => Promise<unknown>) => {
    const [legacy, fresh] = [new Interrupts(), new Interrupts()];
    const reads = [legacy.stop('after', 'get'), fresh.stop('after', 'get')];
    const said = verdict(interrupted(place.companies, { legacy, new: fresh }));
    await Promise.all(reads.map(({ reached }) => reached));
    await work();
    for (const read of reads) read.go();
    return await said;
  };
  await place.legacy.put(key, 'one');
  t.equal(await verdict(), 'in-motion', 'it is marked');
  await clean();
  t.match(await verdict(), { kind: 'different', fields: ['name'] }, 'it is at rest');
  t.equal(await meanwhile(mark), 'in-motion', 'it is marked meanwhile');
  await clean();
  const sync = async () => {
    await mark();
    await pull(place.companies, [key], []);
  };
  t.equal(await meanwhile(sync), 'in-motion', 'it was marked and synced meanwhile');
  t.equal(await verdict(), 'equal');
});

t.end();

import t from 'tap';
import { BanyanError } from '../../src/domain/errors.ts';
import { pull } from '../../src/replication/pull.ts';
import { dueKeys, markedKeys, markForRepair, markLegacyWrite } from '../../src/state/journal.ts';
import { holdLegacyPrimary } from '../../src/state/resources.ts';
import { Interrupts, interrupted, statement } from '../harness/interrupts.ts';
import { until } from '../harness/wait.ts';
import { change, create, newKey, openPlace, openReplica } from './place.ts';

const place = await openPlace(t);
const { database } = place.binding;
const write = (key: string, deadline: number) => ({
  resource: 'companies',
  keys: [key],
  replica: 'a',
  deadline,
});

t.test('R1: the mark of a write is committed before legacy is asked', async (t) => {
  await place.reset('dual-write');
  const legacy = new Interrupts();
  const replica = await openReplica(place, 'a', { resource: interrupted(place.companies, { legacy }) });
  const request = legacy.stop('before', 'insert');
  const key = newKey();
  const answer = create(replica, key, 'one');
  await request.reached;
  const marks = await place.marks(key);
  request.go();
  await answer;
  t.match(marks, [{ key, pending: true }]);
});

t.test('R1: a mark waits for no sync of its key, and a second write has a mark of its own', async (t) => {
  await place.reset('dual-write');
  const key = newKey();
  await place.legacy.put(key, 'one');
  await markForRepair(database, 'companies', [key]);
  const control = new Interrupts();
  const committing = control.stop('after', 'query', statement('DELETE FROM banyan.mark'));
  const sync = pull(interrupted(place.companies, { database: control }), [key], []);
  await committing.reached;
  const [second] = await markLegacyWrite(database, write(key, 60_000));
  t.equal((await place.marks(key)).length, 2, 'the transaction of the sync is still open');
  committing.go();
  await sync;
  t.match(await place.marks(key), [{ id: second }]);
});

t.test('R2: without an answer a mark stays until its deadline, whoever syncs its key', async (t) => {
  await place.reset('dual-write');
  const timing = { timeout: 200, deadline: 3_000 };
  const writer = await openReplica(place, 'a', { resource: interrupted(place.companies, { timing }) });
  const other = await openReplica(place, 'b');
  const key = newKey();
  await place.legacyWay.cutAfter(0);
  await t.rejects(create(writer, key, 'one'), { code: 'outcome-unknown', outcome: 'unknown' });
  await place.legacyWay.pass();
  t.same(await dueKeys(database, 'companies', 10), [], 'nobody takes it up by himself');
  for (const replica of [writer, other]) {
    await replica.syncer.syncNow([key]);
    t.match(await place.marks(key), [{ key, pending: true }]);
  }
  await until(async () => (await dueKeys(database, 'companies', 10)).includes(key), { what: 'it is due' });
  await other.syncer.syncNow([key]);
  t.same(await place.marks(key), []);
  t.equal(await place.new.name(key), await place.legacy.name(key));
});

t.test('R2: an answer finishes the mark for its own writer and for nobody else', async (t) => {
  await place.reset('dual-write');
  const writer = await openReplica(place, 'a');
  const other = await openReplica(place, 'b');
  const key = newKey();
  await create(writer, key, 'one');
  await other.syncer.syncNow([key]);
  t.match(await place.marks(key), [{ key, pending: true }]);
  await writer.syncer.syncNow([key]);
  t.same(await place.marks(key), []);
});

t.test('R5: a key is dirty while it has any mark, and clean without a trace after the last', async (t) => {
  await place.reset('dual-write');
  const writer = await openReplica(place, 'a');
  const key = newKey();
  await create(writer, key, 'one');
  const [pending] = await markLegacyWrite(database, write(key, 60_000));
  await writer.syncer.syncNow([key]);
  t.match(await place.marks(key), [{ id: pending }], 'the mark of the other write is not cleared with it');
  t.same(await markedKeys(database, 'companies', [key]), new Set([key]));
  t.equal((await pull(place.companies, [key], [pending as string])).synced.length, 1);
  t.same(await markedKeys(database, 'companies', [key]), new Set());
});

t.test('D4: marks of concurrent writes do not wait for each other at the stage check', async (t) => {
  await place.reset('dual-write');
  await database.transaction(async (sql) => {
    await markLegacyWrite(sql, write(newKey(), 60_000));
    t.equal(await place.endsOrWaits(markLegacyWrite(database, write(newKey(), 60_000))), 'ends');
  });
});

t.test('D5: every writer of the new side leaves marks, in its own transaction', async (t) => {
  await place.reset('live');
  const { query } = place.sides.new;
  const [one, two, moved] = [newKey(), newKey(), newKey()];
  const keys = async () => (await place.marks()).map((mark) => mark.key).sort();
  await query(`INSERT INTO companies (id, name) VALUES ('${one}', 'one'), ('${two}', 'two')`);
  t.same(await keys(), [one, two].sort(), 'one for each row of a statement');
  await query('DELETE FROM banyan.mark');
  await query(`UPDATE companies SET id = '${moved}' WHERE id = '${one}'`);
  t.same(await keys(), [one, moved].sort(), 'a changed key leaves one for the old and one for the new');
  await query('DELETE FROM banyan.mark');
  await query(`BEGIN; DELETE FROM companies; ROLLBACK`);
  t.same(await keys(), [], 'what was rolled back leaves none');
  await query(`DELETE FROM companies WHERE id = '${two}'`);
  t.match(await place.marks(), [{ key: two, pending: false }], 'finished at once');
  await t.rejects(query('TRUNCATE companies CASCADE'), { code: 'BN002' });
});

t.test('D5: a sync into the new side leaves no mark, and a write beside it does', async (t) => {
  await place.reset('dual-write');
  const key = newKey();
  await place.legacy.put(key, 'one');
  await pull(place.companies, [key], []);
  t.equal(await place.new.name(key), 'one');
  t.same(await place.marks(), []);
  await place.reset('live');
  await t.rejects(
    database.transaction(async (sql) => {
      t.notOk(await holdLegacyPrimary(sql, 'companies'), 'no sync into a side that leads');
      throw new BanyanError('switching');
    }),
  );
  const replica = await openReplica(place, 'a');
  await create(replica, key, 'two');
  await change(replica, key, { name: 'three' });
  t.match(await place.marks(key), [{ pending: false }, { pending: false }]);
});

t.end();

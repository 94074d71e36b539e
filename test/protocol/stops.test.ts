import { spawnSync } from 'node:child_process';
import t from 'tap';
import { NOBODY } from '../../src/domain/callers.ts';
import { identify } from '../../src/control/presence.ts';
import type { Mode } from '../../src/domain/words.ts';
import { runBatch } from '../../src/gateway/batch-writes.ts';
import { backfill } from '../../src/replication/backfill.ts';
import { recordFailure } from '../../src/state/failures.ts';
import { beginVerify } from '../../src/state/jobs.ts';
import { backlog, markForRepair } from '../../src/state/journal.ts';
import { countOpen, recordDifferences, settle } from '../../src/state/ledger.ts';
import { listReplicas, registerReplica, signOff } from '../../src/state/replicas.ts';
import { registerResources } from '../../src/state/resources.ts';
import { Interrupts, interrupted, interruptedDatabase } from '../harness/interrupts.ts';
import { until } from '../harness/wait.ts';
import { create, newKey, openCoordinator, openPlace, openReplica } from './place.ts';

/** What processes leave behind that stop, in order or not, and that others go on with. */
const place = await openPlace(t);
const { database } = place.binding;
const coordinator = openCoordinator(place);

async function begin(to: Mode) {
  const begun = await coordinator.begin(await place.state(), to, 'test');
  if (!begun) throw new Error('the switch did not begin');
  return begun;
}

const advance = async () => await coordinator.advance('companies');

t.test('R19: an unmarked write that outlives the sign-off keeps the backfill waiting', async (t) => {
  await place.reset('legacy');
  const legacy = new Interrupts();
  const replica = await openReplica(place, 'a', { resource: interrupted(place.companies, { legacy }) });
  const request = legacy.stop('before', 'insert');
  const key = newKey();
  const answer = create(replica, key, 'one');
  await request.reached;
  // Its client has gone, so the server has closed without waiting for it.
  await replica.routes.signOff();
  await begin('dual-write');
  t.match(await advance(), { state: { stage: 'enter' }, waitsFor: /without a mark/ });
  request.go();
  await answer;
  await until(async () => (await advance())?.state.stage === 'open', { what: 'nothing can land any more' });
  const { generation } = await place.state();
  await backfill(place.companies, { generation, again: false, syncParents: async () => {} });
  t.equal(await place.new.name(key), 'one');
});

t.test('R19: an unmarked batch without an answer counts as under way', async (t) => {
  await place.reset('legacy');
  const timing = { timeout: 100, deadline: 30_000 };
  const replica = await openReplica(place, 'a', { resource: interrupted(place.companies, { timing }) });
  await place.legacyWay.cutAfter(0);
  const key = newKey();
  const records = [{ key, record: { id: key, name: 'one' } }];
  const { outcomes } = await runBatch(replica, { records, atomic: false, repeated: false, caller: NOBODY });
  t.match(outcomes, [{ error: { outcome: 'unknown' } }]);
  await place.legacyWay.pass();
  await begin('dual-write');
  await replica.routes.refresh();
  t.match(await advance(), { state: { stage: 'enter' }, waitsFor: /replica a/ });
});

t.test(
  'R19: a sign-off with nothing under way keeps nobody waiting, and no write begins after it',
  async (t) => {
    await place.reset('legacy');
    const settings = {
      ...place.companies.settings,
      switch: { ...place.companies.settings.switch, hold: 50 },
    };
    const replica = await openReplica(place, 'a', { resource: { ...place.companies, settings } });
    await replica.routes.signOff();
    await t.rejects(create(replica, newKey(), 'one'), { code: 'not-ready', outcome: 'not-applied' });
    await begin('dual-write');
    t.equal((await advance())?.state.stage, 'open');
  },
);

t.test('R18: a registration whose answer is late does not take back a newer route', async (t) => {
  await place.reset('shadow');
  const control = new Interrupts();
  const replica = await openReplica(place, 'a', { database: interruptedDatabase(database, control) });
  await begin('live');
  await replica.routes.refresh();
  await signOff(database, replica.identity, 0);
  const registered = control.stop('after', 'transaction');
  const again = replica.routes.register();
  await registered.reached;
  await advance();
  await replica.routes.refresh();
  t.match(replica.routes.state('companies'), { stage: 'switch', mode: 'live' });
  registered.go();
  await again;
  t.equal(
    (await replica.routes.beginRead('companies', 0)).mode,
    'live',
    'the route that it acknowledged last',
  );
  t.equal((await advance())?.state.stage, 'open');
});

t.test('R16: a replica whose process is gone for sure is taken off, and nobody else', async (t) => {
  const { pid } = spawnSync('true');
  const there = identify('b');
  const REPLICAS = [
    ['its process runs', there, 1],
    ['it ran on another machine', { ...there, pid, host: 'elsewhere' }, 1],
    ['its machine was started anew since', { ...there, pid, boot: 'another' }, 1],
    ['its process has ended', { ...there, pid }, 0],
  ] as const;
  for (const [claim, identity, left] of REPLICAS) {
    await place.reset('shadow');
    await registerReplica(database, identity, 0);
    await begin('live');
    t.match(await advance(), { state: { stage: 'switch' } });
    t.match(await advance(), { waitsFor: /replica b to acknowledge/ });
    t.equal((await listReplicas(database)).length, left, claim);
  }
  t.match(await advance(), { state: { stage: 'open', mode: 'live' } }, 'it keeps nobody waiting');
});

t.test('a failure whose key was synced by a process that stopped right after blocks no switch', async (t) => {
  await place.reset('live');
  const key = newKey();
  const refusal = {
    resource: 'companies',
    key,
    code: 'duplicate',
    reason: 'taken',
    target: 'legacy',
    source: 'sync',
    record: null,
    marks: [],
  } as const;
  await markForRepair(database, 'companies', [key]);
  await recordFailure(database, refusal, { attempts: 6, backoff: 500, longest: 60_000 });
  t.equal((await backlog(database, 'companies')).failing, 1);
  await place.sides.new.query('DELETE FROM banyan.mark');
  t.equal((await backlog(database, 'companies')).failing, 0);
});

t.test(
  'R6: a resource whose counters were not made before a process stopped gets them at the next start',
  async (t) => {
    await place.sides.new.query(`DELETE FROM banyan.sync_slot WHERE resource = 'companies'`);
    await registerResources(database, ['companies']);
    await place.reset('dual-write');
    const replica = await openReplica(place, 'a');
    const key = newKey();
    await place.legacy.put(key, 'one');
    t.match(await replica.syncer.syncNow([key]), { synced: [key], again: [] });
  },
);

t.test(
  'a verify settles what was found before it, and leaves open what a read finds while it runs',
  async (t) => {
    await place.sides.new.query('DELETE FROM banyan.ledger');
    const difference = { kind: 'different' as const, fields: ['name'], legacy: null, new: null };
    const [before, meanwhile] = [newKey(), newKey()];
    const read = { name: 'shadow' as const, runId: null };
    await recordDifferences(database, 'companies', [{ key: before, ...difference }], read);
    const request = { resource: 'companies', generation: 1, holder: identify('a').instance };
    const run = await beginVerify(database, request);
    await recordDifferences(database, 'companies', [{ key: meanwhile, ...difference }], read);
    await settle(database, 'companies', { notSeenBy: run?.id as string }, 'verify');
    t.equal(await countOpen(database, 'companies'), 1);
    const { rows } = await database.query('SELECT key FROM banyan.ledger WHERE settled_at IS NULL');
    t.same(rows, [{ key: meanwhile }]);
  },
);

t.end();

import t from 'tap';
import { FAILPOINTS, type Failpoint } from '../../src/observability/failpoints.ts';
import type { Mode } from '../../src/domain/words.ts';
import { until } from '../harness/wait.ts';
import { AT_REST, atRest, openFaultPlace, writesGoOn } from './place.ts';

/**
 * kill -9 of a real gateway at every named step, under load, from a new database to the new side and back. Each process
 * is the one that takes over from the one before, and dies at its own step.
 */
const place = await openFaultPlace(t);
const { operator, config } = place;
const load = await place.load();
const reached = new Set<Failpoint>();

/** Starts a process that dies at a step, and waits until it has. `asking`: what the file asks for meanwhile. */
async function dieAt(point: Failpoint, asking?: Mode, nth = 1): Promise<void> {
  const doomed = await place.start(`${point}=kill@${nth}`);
  if (asking) await config.setMode('clients', asking);
  const what = `the gateway dies at ${point}`;
  await until(() => !doomed.isRunning(), { what, timeout: 60_000 });
  if (doomed.endedBy() !== 'SIGKILL') throw new Error(`it ended before ${point}:\n${doomed.output()}`);
  reached.add(point);
}

async function goOn(mode: Mode) {
  await place.start();
  await operator.whenIn(mode);
  await writesGoOn(load);
  return await atRest(place, load, mode);
}

t.test('killed on the way into dual-write, it goes on', async (t) => {
  await writesGoOn(load);
  await dieAt('switch.drain', 'dual-write');
  t.match(await operator.state(), { stage: 'enter', mode: 'dual-write' });
  await dieAt('switch.acked');
  await dieAt('switch.open');
  t.match(await operator.state(), { stage: 'open', mode: 'dual-write' });
});

t.test('killed in a backfill, it goes on from its checkpoint', async (t) => {
  await dieAt('backfill.noted');
  await dieAt('backfill.read');
  await dieAt('backfill.chunk', undefined, 2);
  const seen = await operator.state();
  t.match(seen, { stage: 'open', mode: 'dual-write' });
});

t.test('killed in a write whose primary is legacy, or in its sync', async (t) => {
  await dieAt('write.before-mark', undefined, 3);
  await dieAt('write.marked', undefined, 3);
  await dieAt('write.answered', undefined, 3);
  await dieAt('sync.noted', undefined, 3);
  await dieAt('sync.read', undefined, 3);
  await dieAt('sync.before-commit', undefined, 3);
  await dieAt('sync.committed', undefined, 3);
  await dieAt('idempotency.begun', undefined, 3);
  t.same(await goOn('dual-write'), AT_REST);
});

t.test('killed in a switch to live, it ends it', async (t) => {
  await config.setMode('clients', 'shadow');
  await operator.whenIn('shadow');
  await dieAt('switch.drain', 'live');
  t.match(await operator.state(), { stage: 'drain', mode: 'shadow' });
  await dieAt('switch.switch');
  t.match(await operator.state(), { stage: 'switch', mode: 'live' });
  await dieAt('switch.open');
  t.same(await goOn('live'), AT_REST);
});

t.test('killed in a sync whose primary is new, or between write and answer', async (t) => {
  await dieAt('sync.leased', undefined, 3);
  await dieAt('sync.sent', undefined, 3);
  await dieAt('sync.settled', undefined, 3);
  await dieAt('idempotency.done', undefined, 3);
  t.same(await goOn('live'), AT_REST);
});

t.test('killed in the switch back, at each acknowledgement', async (t) => {
  await dieAt('switch.acked', 'shadow');
  await dieAt('switch.switch');
  t.same(await goOn('shadow'), AT_REST);
});

t.test('no step was left out, and no answer was without a name', async (t) => {
  t.same(
    FAILPOINTS.filter((point) => !reached.has(point)),
    [],
  );
  const failures = load.report().failedRequests;
  t.same(
    failures.filter(({ status, code }) => status === 500 || code.startsWith('no-envelope')),
    [],
  );
  await load.stop();
});

t.end();

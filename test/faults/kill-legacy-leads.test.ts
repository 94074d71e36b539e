import t from 'tap';
import { FAILPOINTS } from '../../src/observability/failpoints.ts';
import { openKilling, STEPS, wrongAnswers } from './killing.ts';
import { AT_REST, writesGoOn } from './place.ts';

const { place, load, reached, dieAt, goOn } = await openKilling(t);
const { operator } = place;

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
  await dieAt('backfill.chunk');
  const copied = 'SELECT FROM banyan.backfill WHERE last_key IS NOT NULL';
  t.equal((await place.sides.new.query(copied)).length, 1);
});

t.test('killed in a write, in its sync, or before its answer is kept, nothing is lost', async (t) => {
  await dieAt('write.before-mark');
  await dieAt('write.marked');
  await dieAt('write.answered');
  await dieAt('sync.noted');
  await dieAt('sync.read');
  await dieAt('sync.before-commit');
  await dieAt('sync.committed');
  await dieAt('idempotency.begun');
  t.same(await goOn('dual-write'), AT_REST);
  t.same(wrongAnswers(load), []);
  await load.stop();
});

t.test('no step is left out', (t) => {
  t.same([...reached], STEPS.towardsShadow);
  const killed = new Set<string>(Object.values(STEPS).flat());
  t.same(
    FAILPOINTS.filter((point) => !killed.has(point)),
    [],
  );
  t.end();
});

t.end();

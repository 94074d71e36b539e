import t from 'tap';
import { openKilling, STEPS, wrongAnswers } from './killing.ts';
import { AT_REST } from './place.ts';

const { place, load, reached, dieAt, goOn } = await openKilling(t);
const { operator, config } = place;

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

t.test('killed in a sync to legacy, or between a write and its answer, nothing is lost', async (t) => {
  await dieAt('sync.leased');
  await dieAt('sync.sent');
  await dieAt('sync.settled');
  await dieAt('idempotency.done');
  t.same(await goOn('live'), AT_REST);
});

t.test('killed in the switch back, it ends it', async (t) => {
  await dieAt('switch.acked', 'shadow');
  // A drain that waits for nothing is over before anybody acknowledges it: then it died one step later.
  if ((await operator.state()).stage === 'drain') await dieAt('switch.switch');
  t.same(await goOn('shadow'), AT_REST);
  t.same(wrongAnswers(load), []);
  await load.stop();
});

t.test('no step is left out', (t) => {
  t.same([...reached].sort(), [...STEPS.towardsLive].sort());
  t.end();
});

t.end();

import t from 'tap';
import { openKilling, STEPS, wrongAnswers } from './killing.ts';
import { AT_REST, writesGoOn } from './place.ts';

const { place, load, reached, dieAt, goOn } = await openKilling(t);
const { operator, config } = place;

t.test(
  'H8: killed on the way into merged, or in the middle of a move, it leaves nothing behind',
  async (t) => {
    await dieAt('switch.acked', 'merged');
    // Whoever comes first: a client that changes a record of legacy, or the mover.
    await dieAt('move.read');
    await dieAt('move.before-commit');
    await dieAt('backfill.chunk');
    t.same(await goOn('merged'), AT_REST, 'H11: and the mover goes on where it was');
  },
);

t.test(
  'killed on the way back, while it works off what rested, nothing that was acknowledged is lost',
  async (t) => {
    await dieAt('sync.leased', 'legacy', 1);
    t.same(await goOn('legacy'), AT_REST);
    await config.setMode('clients', 'split');
    await operator.whenIn('split');
    // Some of them are creates, which rest in new until the way back.
    await writesGoOn(load, 40);
    await dieAt('sync.sent', 'legacy', 1);
    t.same(await goOn('legacy'), AT_REST);
    t.same(wrongAnswers(load), []);
    await load.stop();
  },
);

t.test('no step is left out', (t) => {
  t.same([...reached].sort(), [...STEPS.towardsMerged].sort());
  t.end();
});

t.end();

import { randomInt } from 'node:crypto';
import t from 'tap';
import { runRounds } from './rounds.ts';

/** Milliseconds of faults; `npm run faults` goes on for longer. */
const TIME = 20_000;

t.test('after random faults and switches under load nothing is lost, and both sides are equal', async (t) => {
  const seed = Number(process.env.BANYAN_FAULT_SEED ?? randomInt(1_000_000));
  t.comment(`seed ${seed}; again: npm run faults -- --seed ${seed}`);
  const say = (text: string) => t.comment(text);
  const result = await runRounds(t, { seed, time: TIME, say });
  t.same(result.wrong, []);
  t.same(result.answers, []);
  t.ok(result.acknowledged > 0);
});

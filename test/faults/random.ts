import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';
import { Endings } from '../tour/endings.ts';
import { runRounds } from './rounds.ts';

/** `npm run faults -- --minutes 10 --seed 7`: random faults under load until one of them leaves something behind. */
const { values } = parseArgs({
  options: { seed: { type: 'string' }, minutes: { type: 'string', default: '5' } },
});
const seed = values.seed === undefined ? randomInt(1_000_000) : Number(values.seed);
const minutes = Number(values.minutes);
if (!Number.isSafeInteger(seed) || !(minutes > 0)) {
  console.error('usage: npm run faults -- [--seed NUMBER] [--minutes NUMBER]');
  process.exit(2);
}

const endings = new Endings();
const stop = () => void endings.run().finally(() => process.exit(130));
process.once('SIGINT', stop).once('SIGTERM', stop);
console.log(`seed ${seed}, ${minutes} minutes`);
try {
  const say = (text: string) => console.log(text);
  const result = await runRounds(endings, { seed, time: minutes * 60_000, say });
  const { rounds, acknowledged, wrong, answers } = result;
  console.log(`${rounds} rounds, ${acknowledged} writes acknowledged, seed ${seed}`);
  if (wrong.length + answers.length > 0) {
    console.error(JSON.stringify({ wrong, answers }, null, 2));
    process.exitCode = 1;
  }
} finally {
  await endings.run();
}

import { Random } from '../../src/quickstart/random.ts';
import type { Teardown } from '../harness/postgres.ts';
import { until } from '../harness/wait.ts';
import { anything } from './mischief.ts';
import { AT_REST, atRest, openFaultPlace, type FaultPlace, type Rest } from './place.ts';
import type { Load } from '../load/load.ts';

export interface Rounds {
  seed: number;
  /** Milliseconds after which no round begins; the stores are up by then. */
  time: number;
  /** Hears of everything that happens. */
  say: (text: string) => void;
}

export interface RoundsResult {
  rounds: number;
  acknowledged: number;
  /** What each round left behind that is not right, with the round's number. */
  wrong: { round: number; rest: Rest }[];
  /** Answers that no client may get. */
  answers: unknown[];
}

/** Longest round; ms. Then everything is let go, and the stores are compared with what clients were told. */
const ROUND = 15_000;

/**
 * Two gateways under load, and random faults and switches, in rounds. The seed makes the same decisions; what they meet
 * is the machine's.
 */
export async function runRounds(t: Teardown, { seed, time, say }: Rounds): Promise<RoundsResult> {
  const random = new Random(seed);
  const place = await openFaultPlace(t, { records: 100, gateways: 2 });
  const load = await place.load({ seed, clients: 4 });
  // Where a switch in either direction has something to lose.
  await place.operator.switchTo('shadow', () => {});
  const end = performance.now() + time;
  const result: RoundsResult = { rounds: 0, acknowledged: 0, wrong: [], answers: [] };
  do {
    result.rounds += 1;
    const roundEnds = Math.min(end, performance.now() + ROUND);
    while (performance.now() < roundEnds) say(`  ${await anything(place, random)}`);
    const rest = await settle(place, load);
    say(`round ${result.rounds}: ${JSON.stringify(summary(rest))}`);
    if (JSON.stringify(rest) !== JSON.stringify(AT_REST)) result.wrong.push({ round: result.rounds, rest });
  } while (performance.now() < end && result.wrong.length === 0);
  const { acknowledged, failedRequests } = await load.stop();
  result.acknowledged = Object.values(acknowledged).reduce((sum, count) => sum + count, 0);
  result.answers = failedRequests.filter(
    ({ status, code }) => status === 500 || code.startsWith('no-envelope'),
  );
  return result;
}

/** Lets everything go, and waits until both sides can be compared: where one of them rests, the resource is moved. */
async function settle(place: FaultPlace, load: Load): Promise<Rest> {
  const { operator } = place;
  const open = async () => (await operator.state()).stage === 'open';
  await until(open, { what: 'no switch is under way', timeout: 60_000, every: 50 });
  const { mode } = await operator.state();
  const comparable = { legacy: 'dual-write', new: 'live' } as const;
  const there = mode === 'legacy' || mode === 'new' ? comparable[mode] : mode;
  await operator.switchTo(there, () => {});
  // A comparison of a side that is still being filled says nothing.
  if (there === 'dual-write') await operator.whenFilled();
  return await atRest(place, load, there);
}

function summary({ lost, older, wrong, ...numbers }: Rest) {
  return { lost: lost.length, older: older.length, wrong: wrong.length, ...numbers };
}

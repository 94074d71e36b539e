import { setTimeout as pause } from 'node:timers/promises';
import { ROAD } from '../../src/domain/modes.ts';
import type { Mode } from '../../src/domain/words.ts';
import type { Failpoint } from '../../src/observability/failpoints.ts';
import type { Random } from '../../src/quickstart/random.ts';
import type { FaultPlace } from './place.ts';

/** Something bad that happens once, and is over when it resolves. It says what it did. */
type Mischief = (place: FaultPlace, random: Random) => Promise<string>;

const GATEWAYS = 2;
const aGateway = (random: Random) => random.int(0, GATEWAYS - 1);
const name = (index: number) => 'AB'[index] as string;
/** Long enough that deadlines pass in some, short enough that they do not in others; ms. */
const aWhile = (random: Random) => random.int(50, 4_500);

const WAYS = {
  stopped: async (way) => await way.refuse(),
  'without an answer': async (way) => await way.blackhole(),
  slow: async (way, random) => await way.latency(random.int(20, 2_000)),
  'hanging up in answers': async (way, random) => await way.cutAfter(random.int(0, 3_000)),
} satisfies Record<string, (way: FaultPlace['ways']['legacy'], random: Random) => Promise<void>>;

/** What may happen, with how often compared with the others. */
export const MISCHIEF: readonly (readonly [weight: number, Mischief])[] = [
  [4, killAtOnce],
  [5, killAtStep],
  [4, stopForAWhile],
  [6, breakWay],
  [2, resetWays],
  [8, moveOn],
  [3, nothing],
];

async function killAtOnce(place: FaultPlace, random: Random): Promise<string> {
  const index = aGateway(random);
  await place.gateway(index).kill();
  await pause(random.int(0, 1_500));
  await place.start(undefined, index);
  return `kill -9 ${name(index)}`;
}

const ANSWER = ['idempotency.begun', 'idempotency.done'] as const;
const WRITE = ['write.before-mark', 'write.marked', 'write.answered'] as const;
const PULL = ['sync.noted', 'sync.read', 'sync.before-commit', 'sync.committed'] as const;
const PUSH = ['sync.leased', 'sync.sent', 'sync.settled'] as const;
const COPY = ['backfill.noted', 'backfill.read', 'backfill.chunk'] as const;
const SWITCH = ['switch.drain', 'switch.switch', 'switch.open', 'switch.acked'] as const;

/** Steps that a process comes to, where it is or on its way to a neighbour. */
const STEPS: Partial<Record<Mode, readonly Failpoint[]>> = {
  legacy: [...ANSWER, ...COPY, ...SWITCH],
  'dual-write': [...ANSWER, ...WRITE, ...PULL, ...SWITCH],
  shadow: [...ANSWER, ...WRITE, ...PULL, ...SWITCH],
  live: [...ANSWER, ...PUSH, ...SWITCH],
  new: [...ANSWER, ...SWITCH],
};
const NEEDS_SWITCH: ReadonlySet<Failpoint> = new Set([...COPY, ...SWITCH]);

/** The process that replaces one dies at a step, if it comes to it. */
async function killAtStep(place: FaultPlace, random: Random): Promise<string> {
  const index = aGateway(random);
  const point = random.pick(STEPS[(await place.operator.state()).mode] ?? ANSWER);
  const doomed = await place.start(`${point}=kill@${random.int(1, 3)}`, index);
  const moved = NEEDS_SWITCH.has(point) ? await moveOn(place, random) : '';
  await Promise.race([doomed.ended, pause(3_000)]);
  const died = !doomed.isRunning();
  await pause(random.int(0, 500));
  await place.start(undefined, index);
  return `${moved} ${name(index)} ${died ? 'died at' : 'did not come to'} ${point}`.trim();
}

async function stopForAWhile(place: FaultPlace, random: Random): Promise<string> {
  const index = aGateway(random);
  const time = aWhile(random);
  place.gateway(index).pause();
  await pause(time);
  place.gateway(index).resume();
  return `${name(index)} stopped for ${time} ms`;
}

async function breakWay(place: FaultPlace, random: Random): Promise<string> {
  const side = random.pick(['legacy', 'new'] as const);
  const fault = random.pick(Object.keys(WAYS) as (keyof typeof WAYS)[]);
  const time = aWhile(random);
  await WAYS[fault](place.ways[side], random);
  await pause(time);
  await place.ways[side].pass();
  return `${side} ${fault} for ${time} ms`;
}

function resetWays({ ways }: FaultPlace): Promise<string> {
  ways.legacy.reset();
  ways.new.reset();
  return Promise.resolve('all connections reset');
}

/** Asks for a step up or down, and waits for it a little; it goes on while other things happen. */
async function moveOn({ operator }: FaultPlace, random: Random): Promise<string> {
  const { mode, stage } = await operator.state();
  const at = ROAD.indexOf(mode);
  const to = ROAD[at + (at === 0 ? 1 : at === ROAD.length - 1 || random.chance(0.35) ? -1 : 1)] as Mode;
  const moved = operator.tryTo(to).then(
    (reason) => reason ?? 'done',
    (error: unknown) => (error as Error).message,
  );
  const said = await Promise.race([moved, pause(random.int(0, 6_000)).then(() => 'under way')]);
  return `${mode} (${stage}) to ${to}: ${said}`;
}

async function nothing(_place: FaultPlace, random: Random): Promise<string> {
  const time = random.int(200, 2_000);
  await pause(time);
  return `nothing for ${time} ms`;
}

/** One of them, by its weight. */
export async function anything(place: FaultPlace, random: Random): Promise<string> {
  const total = MISCHIEF.reduce((sum, [weight]) => sum + weight, 0);
  let dice = random.int(1, total);
  for (const [weight, mischief] of MISCHIEF) {
    dice -= weight;
    if (dice <= 0) return await mischief(place, random);
  }
  return '';
}

import { setTimeout as pause } from 'node:timers/promises';
import { ROAD, stepBetween } from '../../src/domain/modes.ts';
import type { Mode } from '../../src/domain/words.ts';
import type { TestConfig } from '../harness/gateway.ts';
import type { Load } from '../load/load.ts';
import type { Gateways } from './gateways.ts';
import type { Operator } from './operator.ts';
import type { Place } from './place.ts';

export interface Journey {
  place: Place;
  config: TestConfig;
  gateways: Gateways;
  operator: Operator;
  load: Load;
  /** Seconds of load in each mode. */
  seconds: number;
  say: (text: string) => void;
}

/** What comparisons at rest found. */
export interface Rest {
  at: string;
  differences: number;
  marks: number;
}

/** All the way up and all the way back, from `legacy`. */
const THERE_AND_BACK: readonly Mode[] = [...ROAD.slice(1), ...ROAD.slice(0, -1).toReversed()];
/** On the way back, where both sides must be equal: at rest with a new primary, and with a legacy one. */
const RESTS: ReadonlySet<Mode> = new Set(['live', 'dual-write']);

/** The first tour: by command, with nothing in the way. */
export async function walkUndisturbed(journey: Journey): Promise<Rest[]> {
  const { operator, seconds, say } = journey;
  const rests: Rest[] = [];
  say('legacy');
  await pause(seconds * 1_000);
  for (const [index, mode] of THERE_AND_BACK.entries()) {
    await operator.switchTo(mode, (reason) => say(`${mode} waits: ${reason}`));
    say(mode);
    await pause(seconds * 1_000);
    if (isBack(index) && RESTS.has(mode)) rests.push(await rest(journey, mode));
  }
  return rests;
}

/**
 * The second tour: by the file, and in every mode one of the gateways is killed by kill -9 under load and started again;
 * in every switch with a barrier one is killed in its middle.
 */
export async function walkWithKills(journey: Journey): Promise<Rest[]> {
  const { config, operator, seconds, say } = journey;
  const rests: Rest[] = [];
  for (const [index, mode] of [THERE_AND_BACK.at(-1) as Mode, ...THERE_AND_BACK].entries()) {
    const victim = index % 2;
    if (index > 0) {
      await config.setMode(operator.resource.name, mode);
      await operator.whenIn(mode);
      say(mode);
    }
    await reviveFallen(journey);
    await pause((seconds * 1_000) / 2);
    await killAndRestart(journey, victim, nextKill(index));
    await pause((seconds * 1_000) / 2);
    if (isBack(index - 1) && RESTS.has(mode)) rests.push(await rest(journey, mode));
  }
  return rests;
}

function isBack(index: number): boolean {
  return index >= ROAD.length - 1;
}

/** In which acknowledgement of the switch that comes next a gateway dies: while writes drain, or while reads move. */
const KILLED_AT: Readonly<Record<string, number>> = {
  'legacy>dual-write': 1,
  'shadow>live': 2,
  'live>shadow': 1,
};

function nextKill(index: number): number | undefined {
  const [from, to] = [THERE_AND_BACK[index - 1] ?? 'legacy', THERE_AND_BACK[index]];
  return to && stepBetween(from, to)?.kind !== 'plain' ? KILLED_AT[`${from}>${to}`] : undefined;
}

/** `fatalAck`: the new process dies by itself at its so-manieth acknowledgement, in the middle of the next switch. */
async function killAndRestart(
  { gateways, say }: Journey,
  victim: number,
  fatalAck: number | undefined,
): Promise<void> {
  await gateways.kill(victim);
  say(`  kill -9 ${gateways.name(victim)}`);
  await pause(300);
  await gateways.restart(victim, fatalAck === undefined ? undefined : `switch.acked=kill@${fatalAck}`);
  say(
    `  ${gateways.name(victim)} is back${fatalAck === undefined ? '' : ', and will die in the middle of the switch'}`,
  );
}

/** Starts again whoever died in the switch. */
async function reviveFallen({ gateways, say }: Journey): Promise<void> {
  for (const [index] of gateways.urls.entries()) {
    if (gateways.isRunning(index)) continue;
    say(`  ${gateways.name(index)} died in the middle of the switch`);
    await gateways.restart(index);
    say(`  ${gateways.name(index)} is back`);
  }
}

/** Lets the clients rest, and compares both sides with each other and with what the clients were told. */
async function rest({ load, operator, gateways, place, say }: Journey, mode: Mode): Promise<Rest> {
  await load.stop();
  const marks = await operator.marksLeft();
  const differences = await operator.differences();
  await load.checkStore('legacy store', place.legacy);
  await load.checkStore('new store', place.new);
  await load.checkApi(gateways.urls);
  say(
    `  at rest: ${marks} marks, ${differences} differences, ${load.keys().length} keys compared with the model`,
  );
  load.resume();
  return { at: mode, differences, marks };
}

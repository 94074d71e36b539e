import { setTimeout as pause } from 'node:timers/promises';
import { ROAD, stepBetween } from '../../src/domain/modes.ts';
import type { Mode } from '../../src/domain/words.ts';
import type { TestConfig } from '../harness/gateway.ts';
import { until } from '../harness/wait.ts';
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
  let doomed: number | null = null;
  for (const [index, mode] of [THERE_AND_BACK.at(-1) as Mode, ...THERE_AND_BACK].entries()) {
    const victim = index % 2;
    if (index > 0) {
      await config.setMode(operator.resource.name, mode);
      await operator.whenIn(mode);
      say(mode);
    }
    if (doomed !== null) await revive(journey, doomed);
    await pause((seconds * 1_000) / 2);
    if (isBack(index - 1) && mode === 'live') rests.push(await rest(journey, mode));
    doomed = hasBarrierNext(index) ? victim : null;
    await killAndRestart(journey, victim, doomed !== null);
    await pause((seconds * 1_000) / 2);
    if (isBack(index - 1) && mode === 'dual-write') rests.push(await rest(journey, mode));
  }
  return rests;
}

function isBack(index: number): boolean {
  return index >= ROAD.length - 1;
}

/** Whether the step that follows the `index`-th mode has a barrier, in which a gateway can die. */
function hasBarrierNext(index: number): boolean {
  const [from, to] = [THERE_AND_BACK[index - 1] ?? 'legacy', THERE_AND_BACK[index]];
  return to !== undefined && stepBetween(from, to)?.kind !== 'plain';
}

/** `doomed`: the new process dies by itself at its first acknowledgement, in the middle of the next switch. */
async function killAndRestart({ gateways, say }: Journey, victim: number, doomed: boolean): Promise<void> {
  await gateways.kill(victim);
  say(`  kill -9 ${gateways.name(victim)}`);
  await pause(300);
  await gateways.restart(victim, doomed ? 'switch.acked=kill' : undefined);
  say(`  ${gateways.name(victim)} is back${doomed ? ', and will die in the middle of the switch' : ''}`);
}

/** Starts again whom the switch before has killed. */
async function revive({ gateways, say }: Journey, fallen: number): Promise<void> {
  const gone = () => !gateways.isRunning(fallen);
  await until(gone, {
    what: `${gateways.name(fallen)} has died in the middle of the switch`,
    timeout: 5_000,
  });
  say(`  ${gateways.name(fallen)} died in the middle of the switch`);
  await gateways.restart(fallen);
  say(`  ${gateways.name(fallen)} is back`);
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

import { setTimeout as pause } from 'node:timers/promises';
import { MODES, stepBetween } from '../../src/domain/modes.ts';
import type { Mode } from '../../src/domain/words.ts';
import type { TestConfig } from '../harness/gateway.ts';
import { until } from '../harness/wait.ts';
import type { Load } from '../load/load.ts';
import type { Gateways } from './gateways.ts';
import type { Operator } from './operator.ts';
import type { Place, Road } from './system.ts';

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

/** The first tour: by command, with nothing in the way. */
export async function walkUndisturbed(journey: Journey, road: Road): Promise<Rest[]> {
  const { operator, seconds, say } = journey;
  const rests: Rest[] = [];
  say('legacy');
  await pause(seconds * 1_000);
  for (const [index, mode] of road.modes.entries()) {
    await operator.switchTo(mode, (reason) => say(`${mode} waits: ${reason}`));
    say(mode);
    await pause(seconds * 1_000);
    const whole = restAt(road, index);
    if (whole) rests.push(await rest(journey, mode, whole));
  }
  return rests;
}

/**
 * The second tour: by the file, and in every mode one of the gateways is killed by kill -9 under load and started again;
 * in every switch with a barrier one is killed in its middle.
 */
export async function walkWithKills(journey: Journey, road: Road): Promise<Rest[]> {
  const { config, operator, seconds, say } = journey;
  const rests: Rest[] = [];
  let doomed: number | null = null;
  for (const [at, mode] of (['legacy', ...road.modes] as const).entries()) {
    const victim = at % 2;
    const whole = restAt(road, at - 1);
    if (at > 0) {
      await config.setMode(operator.resource.name, mode);
      await operator.whenIn(mode);
      say(mode);
    }
    if (doomed !== null) await revive(journey, doomed);
    await pause((seconds * 1_000) / 2);
    // With a primary that is new, the rest is before the kill; with legacy it is after it.
    const early = MODES[mode].primary === 'new';
    if (whole && early) rests.push(await rest(journey, mode, whole));
    doomed = hasBarrierAfter(mode, road.modes[at]) ? victim : null;
    await killAndRestart(journey, victim, doomed !== null);
    await pause((seconds * 1_000) / 2);
    if (whole && !early) rests.push(await rest(journey, mode, whole));
  }
  return rests;
}

/** The stores that hold everything where clients rest in the `index`-th mode; null: they do not rest there. */
function restAt({ modes, rests }: Road, index: number): readonly ('legacy' | 'new')[] | null {
  const isBack = index >= modes.indexOf('new');
  return (isBack && rests[modes[index] as Mode]) || null;
}

/** Whether the step to the next mode has a barrier, in which a gateway can die. */
function hasBarrierAfter(from: Mode, to: Mode | undefined): boolean {
  const step = to && stepBetween(from, to);
  return to !== undefined && step?.kind !== 'plain';
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
async function rest(
  { load, operator, gateways, place, say }: Journey,
  mode: Mode,
  whole: readonly ('legacy' | 'new')[],
): Promise<Rest> {
  await load.stop();
  const { syncs, primary, partial } = MODES[mode];
  const marks = syncs ? await operator.marksLeft() : 0;
  // In `legacy` new is nobody's: there is nothing to be equal.
  const follows = mode !== 'legacy' && (syncs || (primary === 'new' && partial));
  const differences = follows ? await operator.differences() : 0;
  for (const side of whole) await load.checkStore(`${side} store`, place[side]);
  await load.checkApi(gateways.urls);
  say(
    `  at rest: ${marks} marks, ${differences} differences, ${load.keys().length} keys compared with the model`,
  );
  load.resume();
  return { at: mode, differences, marks };
}

import { GUARDS, type GuardAnswer } from '../control/guards/index.ts';
import type { Step, StepKind } from '../domain/modes.ts';
import { duration } from './format.ts';
import type { Terminal } from './terminal.ts';

/** What happens in a step, for people. */
export const KINDS: Readonly<Record<StepKind, string>> = {
  enter: 'every replica begins to mark writes and says so; reads and writes run on',
  flip: 'writes are held while the journal is worked off and every replica turns its reads, then they run on the other side',
  plain: 'at once; nothing waits',
};

/** A guard's answer as `--json` shows it. `eta` is in milliseconds. */
export interface GuardReport {
  guard: string;
  title: string;
  met: boolean;
  reason: string | null;
  clears: string | null;
  eta: number | null;
}

export function reportOf(answers: readonly GuardAnswer[]): GuardReport[] {
  return answers.map(({ guard, title, refusal }) => ({
    guard,
    title,
    met: refusal === null,
    reason: refusal?.reason ?? null,
    clears: refusal?.clears ?? null,
    eta: refusal?.eta ?? null,
  }));
}

/** A guard a line; one that is not met with what clears it and how long that takes. */
export function guardLines(
  terminal: Terminal,
  guards: readonly GuardReport[],
  forced?: ReadonlyMap<string, string>,
): string[] {
  return guards.flatMap(({ guard, title, met, reason, clears, eta }) => {
    if (met) return [`  ${terminal.good} ${guard}: ${title}`];
    const lines = [`  ${terminal.bad} ${guard}: ${reason}`, `      clears it: ${clears}`];
    if (eta !== null) lines.push(`      takes about: ${duration(eta)}`);
    const why = forced?.get(guard);
    if (why !== undefined) lines.push(`      forced: ${why}`);
    return lines;
  });
}

/** Names of the guards that a step needs; what they say is known only when its turn comes. */
export function guardsOf({ from, to }: Step): string[] {
  return GUARDS.filter(({ steps }) => steps.includes(`${from}>${to}`)).map(({ name }) => name);
}

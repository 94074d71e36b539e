import type { Mode, Side } from './words.ts';

/** One row per mode (DESIGN.md section 3). A mode is data: nothing else branches on its name. */
export interface ModeRow {
  /** The side that answers reads. */
  reads: Side;
  /** The side that decides writes and answers them. */
  primary: Side;
  /** Whether marks are worked off. In `legacy` that is what an earlier `dual-write` left; in `new` syncs rest (R21). */
  syncs: boolean;
  /** Whether every write leaves a mark (R1). `new` marks although its syncs rest (R21). */
  marks: boolean;
  /** Which share of reads is compared with the other side, by the name of its setting; null: none. */
  compare: 'shadow' | 'live' | null;
}

export const MODES: Readonly<Record<Mode, ModeRow>> = {
  legacy: { reads: 'legacy', primary: 'legacy', syncs: true, marks: false, compare: null },
  'dual-write': { reads: 'legacy', primary: 'legacy', syncs: true, marks: true, compare: null },
  shadow: { reads: 'legacy', primary: 'legacy', syncs: true, marks: true, compare: 'shadow' },
  live: { reads: 'new', primary: 'new', syncs: true, marks: true, compare: 'live' },
  new: { reads: 'new', primary: 'new', syncs: false, marks: true, compare: null },
};

/** The road, in order. A switch moves by one step; a longer way is walked step by step. */
export const ROAD: readonly Mode[] = ['legacy', 'dual-write', 'shadow', 'live', 'new'];

export function isMode(text: string): text is Mode {
  return Object.hasOwn(MODES, text);
}

/**
 * How a step is made:
 * `enter` – every replica acknowledges that it marks, writes run on (R19);
 * `flip` – the primary changes: DRAIN, SWITCH, OPEN (R10–R15);
 * `plain` – same primary, one compare-and-set.
 */
export type StepKind = 'enter' | 'flip' | 'plain';

export interface Step {
  from: Mode;
  to: Mode;
  kind: StepKind;
  direction: 'up' | 'down';
}

/** The step between two neighbours of the road, or null where they are none. */
export function stepBetween(from: Mode, to: Mode): Step | null {
  const a = ROAD.indexOf(from);
  const b = ROAD.indexOf(to);
  if (Math.abs(a - b) !== 1) return null;
  const direction = b > a ? 'up' : 'down';
  const changesPrimary = MODES[from].primary !== MODES[to].primary;
  const kind = changesPrimary ? 'flip' : !MODES[from].marks && MODES[to].marks ? 'enter' : 'plain';
  return { from, to, kind, direction };
}

/** The steps from one mode to another, in order; empty when they are the same. */
export function stepsBetween(from: Mode, to: Mode): Step[] {
  const steps: Step[] = [];
  let at = ROAD.indexOf(from);
  const goal = ROAD.indexOf(to);
  while (at !== goal) {
    const next = at + Math.sign(goal - at);
    const step = stepBetween(ROAD[at] as Mode, ROAD[next] as Mode);
    if (step) steps.push(step);
    at = next;
  }
  return steps;
}

/** The mode that `rollback` goes to, or null at the beginning of the road. */
export function modeBefore(mode: Mode): Mode | null {
  return ROAD[ROAD.indexOf(mode) - 1] ?? null;
}

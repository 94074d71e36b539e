import type { Mode, ResourceState, Route, Side } from './words.ts';

/** One row per mode (DESIGN.md section 3). A mode is data: nothing else branches on its name. */
export interface ModeRow {
  /** What answers reads: one side, or both in one of two ways. */
  reads: Route;
  /** The side that decides what is created, and the one whose triggers take writes (R9). */
  primary: Side;
  /**
   * Where a change or a delete is done: on the primary, where the record is, or in new after it was moved there (M2).
   * Creates are always the primary's; where both sides hold records, not under an id that legacy has (M4).
   */
  writes: 'primary' | 'where-it-is' | 'move-first';
  /** Whether marks are worked off. In `legacy` that is what an earlier `dual-write` left; where false they rest (R21). */
  syncs: boolean;
  /** Whether every write leaves a mark (R1); writes to legacy in `split` do not, see `unmarked`. */
  marks: boolean;
  /** Whether writes reach legacy without a mark: who leaves the mode waits for those under way (R19, M1). */
  unmarked: boolean;
  /** Each side has records that the other lacks; new's absence of a record says nothing of legacy's (M5). */
  partial: boolean;
  /** What a backfill does: copy everything and remove the rest (R22), or move what new has not taken over (M3). */
  backfill: 'copy' | 'move' | null;
  /** Which share of reads is compared with the other side, by the name of its setting; null: none. */
  compare: 'shadow' | 'live' | null;
}

const LEGACY = {
  reads: 'legacy',
  primary: 'legacy',
  writes: 'primary',
  syncs: true,
  marks: true,
  unmarked: false,
  partial: false,
  backfill: 'copy',
  compare: null,
} as const satisfies ModeRow;
const NEW = { ...LEGACY, reads: 'new', primary: 'new', backfill: null } as const satisfies ModeRow;
const BOTH = { ...NEW, syncs: false, partial: true } as const;

export const MODES: Readonly<Record<Mode, ModeRow>> = {
  legacy: { ...LEGACY, marks: false, unmarked: true, backfill: null },
  'dual-write': LEGACY,
  shadow: { ...LEGACY, compare: 'shadow' },
  live: { ...NEW, compare: 'live' },
  new: { ...NEW, syncs: false },
  split: { ...BOTH, reads: 'split', writes: 'where-it-is', unmarked: true },
  merged: { ...BOTH, reads: 'merged', writes: 'move-first', backfill: 'move' },
};

export const MODE_NAMES = Object.keys(MODES) as readonly Mode[];

/** Modes in which each side has records that the other lacks. */
export const PARTIAL_MODES: readonly Mode[] = MODE_NAMES.filter((mode) => MODES[mode].partial);

/** The main road, in order. A switch moves by one step; a longer way is walked step by step. */
export const ROAD: readonly Mode[] = ['legacy', 'dual-write', 'shadow', 'live', 'new'];

/**
 * How a step is made:
 * `enter` – every replica acknowledges that it marks, writes run on (R19);
 * `flip` – somebody must stop writing before another may begin: DRAIN, SWITCH, OPEN (R10–R15);
 * `plain` – one compare-and-set: replicas in either mode do each other no harm.
 */
export type StepKind = 'enter' | 'flip' | 'plain';

export interface Step {
  from: Mode;
  to: Mode;
  kind: StepKind;
  direction: 'up' | 'down';
}

interface Edge {
  low: Mode;
  high: Mode;
  up: StepKind;
  /** Null: there is no step back; the way leads over another mode. */
  down: StepKind | null;
  /** Of two ways the one with the smaller sum is gone; the main road is preferred. */
  length: number;
}

/**
 * The steps there are. From `split` both sides are led apart, so both `legacy → split` and `split → merged` are flips: a
 * replica that still writes a record in legacy must have ended before another may move it (M1). There is no step from
 * `merged` to `split`: what was moved would be old in legacy's lists, so the way leads over `legacy`, where all is pushed.
 */
const EDGES: readonly Edge[] = [
  { low: 'legacy', high: 'dual-write', up: 'enter', down: 'plain', length: 1 },
  { low: 'dual-write', high: 'shadow', up: 'plain', down: 'plain', length: 1 },
  { low: 'shadow', high: 'live', up: 'flip', down: 'flip', length: 1 },
  { low: 'live', high: 'new', up: 'plain', down: 'plain', length: 1 },
  { low: 'legacy', high: 'split', up: 'flip', down: 'flip', length: 3 },
  { low: 'legacy', high: 'merged', up: 'flip', down: 'flip', length: 3 },
  { low: 'split', high: 'merged', up: 'flip', down: null, length: 3 },
  { low: 'merged', high: 'new', up: 'plain', down: 'plain', length: 3 },
];

const STEPS: readonly (Step & { length: number })[] = EDGES.flatMap(({ low, high, up, down, length }) => [
  { from: low, to: high, kind: up, direction: 'up' as const, length },
  ...(down ? [{ from: high, to: low, kind: down, direction: 'down' as const, length }] : []),
]);

export function isMode(text: string): text is Mode {
  return Object.hasOwn(MODES, text);
}

/** The step between two neighbours, or null where they are none. */
export function stepBetween(from: Mode, to: Mode): Step | null {
  const found = STEPS.find((step) => step.from === from && step.to === to);
  return found ? plain(found) : null;
}

/** Whether what new holds is emptied before the step: copies of another time would win over legacy's records (M6). */
export function emptiesNew({ from, to }: Step): boolean {
  return !MODES[from].partial && MODES[to].partial && MODES[from].primary === 'legacy';
}

/** The steps from one mode to another, in order; empty when they are the same. One direction if that leads there. */
export function stepsBetween(from: Mode, to: Mode): Step[] {
  const ways = waysBetween(from, to, new Set([from])).sort((a, b) => effort(a) - effort(b));
  return (ways[0] ?? []).map(plain);
}

function waysBetween(from: Mode, to: Mode, seen: ReadonlySet<Mode>): (typeof STEPS)[number][][] {
  if (from === to) return [[]];
  return STEPS.filter((step) => step.from === from && !seen.has(step.to)).flatMap((step) =>
    waysBetween(step.to, to, new Set([...seen, step.to])).map((rest) => [step, ...rest]),
  );
}

/** A turn costs more than any way without one. */
function effort(way: (typeof STEPS)[number][]): number {
  const turns = way.filter((step, at) => at > 0 && step.direction !== way[at - 1]?.direction).length;
  return way.reduce((sum, { length }) => sum + length, 100 * turns);
}

function plain({ from, to, kind, direction }: Step): Step {
  return { from, to, kind, direction };
}

/** The mode that `rollback` goes to, or null at the beginning of the road. `cameFrom`: where the last switch came from. */
export function modeBefore(mode: Mode, cameFrom?: Mode | null): Mode | null {
  const down = STEPS.filter((step) => step.from === mode && step.direction === 'down');
  return (down.find(({ to }) => to === cameFrom) ?? down[0])?.to ?? null;
}

/** The next mode up, or null at the end of the road. */
export function modeAfter(mode: Mode): Mode | null {
  return STEPS.find((step) => step.from === mode && step.direction === 'up')?.to ?? null;
}

/** Whether marks are worked off now: also resting ones, for a step back to legacy (M7). */
export function syncsNow({ mode, stage, nextMode, returning }: ResourceState): boolean {
  if (MODES[mode].syncs || returning) return true;
  return stage === 'drain' && nextMode !== null && MODES[nextMode].primary !== MODES[mode].primary;
}

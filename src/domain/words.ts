/** The words of DESIGN.md section 1, as types. Everything else is named after these. */

/** The two places where a resource can live. */
export type Side = 'legacy' | 'new';

export const SIDES = ['legacy', 'new'] as const satisfies readonly Side[];

/** Where a resource's reads and writes go now; the rows are in `modes.ts`. */
export type Mode = 'legacy' | 'dual-write' | 'shadow' | 'live' | 'new' | 'split' | 'merged';

/** What answers a resource's reads: a side alone, lists by legacy and single records by either, or both combined. */
export type Route = Side | 'split' | 'merged';

/**
 * How far a switch has come (R10).
 * `open`: the mode is in force. `enter`: every replica must begin to mark before backfill may start (R19); writes run.
 * `drain`: new writes are held until no mark is left (R11). `switch`: replicas move their reads and acknowledge (R13).
 */
export type Stage = 'open' | 'enter' | 'drain' | 'switch';

/** A record's public id in canonical text, e.g. a lower-case UUID or a decimal integer. */
export type Key = string;

export type StoreKind = 'prisma' | 'supabase' | 'mongo' | 'sql' | 'json-file' | 'http';

/** Name of a resource as `routes.config.yaml` gives it. */
export type ResourceName = string;

export function otherSide(side: Side): Side {
  return side === 'legacy' ? 'new' : 'legacy';
}

/** What the control database says of one resource, read in one snapshot (R18). */
export interface ResourceState {
  resource: ResourceName;
  /** Grows by one at every step of every switch; a replica ignores a lower one (R18). */
  epoch: number;
  stage: Stage;
  /** The mode in force: in `drain` the one that is being left, in `switch` and `enter` the one that is being entered. */
  mode: Mode;
  /** In `drain`, `switch` and `enter`: the mode to open with, else null. */
  nextMode: Mode | null;
  /** In `drain`, `switch`, `enter`: the mode that a turn round goes back to, else null (R15). */
  previousMode: Mode | null;
  /** The side that decides writes when the stage is open. */
  primary: Side;
  /** Counts entries into `dual-write` from `legacy`; a backfill is complete only for its own generation (R20). */
  generation: number;
  /** Resting marks are being worked off for a step back to legacy, while writes run on (R21, M7). */
  returning: boolean;
  /** `retire` has ended marking in `new` (R21): `live` cannot be reached again. */
  retired: boolean;
  /** The switch under way, else null. */
  switchId: string | null;
}

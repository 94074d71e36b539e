import type { Failure } from './errors.ts';
import type { Cell } from './values.ts';

/** One statement, run once for each set of parameters. */
export interface Batch {
  sql: string;
  sets: readonly (readonly Cell[])[];
}

/** Work for one thread: one transaction where it writes more than once. */
export interface Work {
  kind: 'read' | 'write';
  batches: readonly Batch[];
  /** Moment (`Date.now()`) after which it must not be begun or gone on with. */
  until: number;
}

export type Question = { id: number } & ({ work: Work } | { close: true });

/** Rows as arrays, in the order of `names`. */
export interface Rows {
  names: string[];
  cells: Cell[][];
  changed: number;
}

export type Reply = { id: number } & (
  { rows: Rows[] } | { failure: Failure } | { late: true } | { closed: true } | { ready: true }
);

/** What a thread is started with. */
export interface ThreadSettings {
  file: string;
  foreignKeys: boolean;
}

import type { Mode } from '../../src/domain/words.ts';
import type { TestConfig } from '../harness/gateway.ts';
import type { StoreQuery, Subject, VersionReader } from '../load/subjects.ts';
import type { Endings } from './endings.ts';

/** Real stores of a system, started for a tour, and what looks into them past the gateways. */
export interface Place {
  /** Environment of the gateways: all that the system's file names. */
  env: Record<string, string>;
  /** Versions of the subject's records in each side's store. */
  legacy: VersionReader;
  new: VersionReader;
  /** Runs a statement in the control database. */
  control: StoreQuery;
}

/** A road to walk there and back, from `legacy`: every mode but the first, in order. */
export interface Road {
  title: string;
  modes: readonly Mode[];
  /** Modes at whose end, on the way back, clients rest and everything is compared; and which stores then hold all of it. */
  rests: Readonly<Partial<Record<Mode, readonly ('legacy' | 'new')[]>>>;
}

/** One row of the tour: everything that it needs to know of a system. */
export interface TourSystem {
  name: string;
  /** The resource that is moved. */
  resource: string;
  /** What the load writes in it, and how it knows what it sees. */
  subject: Subject;
  roads: readonly Road[];
  /** Starts both stores with about so many records in legacy; all ends with `endings`. */
  startPlace(endings: Endings, records: number): Promise<Place>;
  /** The system's file in a folder of the tour's own, with settings that make the tour short but not easy. */
  config(endings: Endings): Promise<TestConfig>;
}

/** The main road: legacy follows until the end. */
export const MAIN_ROAD: Road = {
  title: 'dual-write, shadow, live, new',
  modes: ['dual-write', 'shadow', 'live', 'new', 'live', 'shadow', 'dual-write', 'legacy'],
  rests: { live: ['legacy', 'new'], 'dual-write': ['legacy', 'new'] },
};

/** Both sides are read as one, and records move one by one. */
export const MERGED_ROAD: Road = {
  title: 'merged, new',
  modes: ['merged', 'new', 'merged', 'legacy'],
  rests: { merged: ['new'], legacy: ['legacy'] },
};

/** As the road over `merged`, beginning with creates alone. */
export const SPLIT_ROAD: Road = {
  title: 'split, merged, new, and from merged to split',
  modes: ['split', 'merged', 'new', 'merged', 'legacy', 'split', 'legacy'],
  rests: { legacy: ['legacy'] },
};

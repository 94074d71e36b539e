import type { ResourceSettings } from '../domain/configuration.ts';
import { MODES, type ModeRow } from '../domain/modes.ts';
import type { Mode, Route, Side } from '../domain/words.ts';

/** What a request does to a resource. */
export type Verb = 'list' | 'detail' | 'create' | 'replace' | 'change' | 'remove';

export interface ReadPlan {
  kind: 'read';
  /** What answers: a side, or both. */
  from: Route;
  /** Share of such reads that is compared with the other side, off the client's path; 0 to 1. */
  compare: number;
}

export interface WritePlan {
  kind: 'write';
  /** The side that decides. */
  side: Side;
  /** How the two sides are joined, where the write is not simply the primary's. */
  place: ModeRow['writes'];
  /**
   * How the write leaves its mark: `before` it is sent (primary legacy, R1), by the `trigger` in its own transaction
   * (primary new, D5), or not at all (mode `legacy`).
   */
  mark: 'before' | 'trigger' | 'none';
  /** Whether this process syncs the key right after the answer. */
  sync: boolean;
  /** Whether the answer waits for the secondary as well. */
  waitForSecondary: boolean;
}

export type Plan = ReadPlan | WritePlan;

const READS: ReadonlySet<Verb> = new Set(['list', 'detail']);

/** Decide, then act: what is read, what is written, in which order, what is compared. Pure; test/gateway/plan.test.ts is its table. */
export function decidePlan(
  verb: Verb,
  mode: Mode,
  settings: Pick<ResourceSettings, 'shadow' | 'live' | 'ack'>,
): Plan {
  const row = MODES[mode];
  if (READS.has(verb)) {
    return { kind: 'read', from: row.reads, compare: row.compare ? settings[row.compare].sample : 0 };
  }
  const sync = row.marks && row.syncs;
  return {
    kind: 'write',
    side: row.primary,
    place: row.writes,
    mark: !row.marks ? 'none' : row.primary === 'legacy' ? 'before' : 'trigger',
    sync,
    waitForSecondary: sync && settings.ack === 'both',
  };
}

/** Method and path to verb; null where the path does not take the method. */
export function verbOf(method: string, hasKey: boolean): Verb | null {
  return (hasKey ? RECORD_VERBS : COLLECTION_VERBS)[method] ?? null;
}

const COLLECTION_VERBS: Readonly<Record<string, Verb>> = { GET: 'list', HEAD: 'list', POST: 'create' };
const RECORD_VERBS: Readonly<Record<string, Verb>> = {
  GET: 'detail',
  HEAD: 'detail',
  PUT: 'replace',
  PATCH: 'change',
  DELETE: 'remove',
};

/** For the Allow header. */
export function allowedMethods(hasKey: boolean): string {
  return [...Object.keys(hasKey ? RECORD_VERBS : COLLECTION_VERBS), 'OPTIONS'].join(', ');
}

import type { Caller } from '../domain/callers.ts';
import { BanyanError, isBanyanError } from '../domain/errors.ts';
import type { PublicRecord } from '../domain/values.ts';
import type { Key } from '../domain/words.ts';
import { reach } from '../observability/failpoints.ts';
import { landsInTime, refuseLate } from '../replication/landing.ts';
import type { CreateOutcome, RecordSide } from '../replication/resource.ts';
import { onOneBudget } from '../stores/attempts.ts';
import { isWithin, tenantOf } from './access.ts';
import type { ResourceRuntime } from './runtime.ts';
import { stampTouched } from './write-verbs.ts';

/** A record that a batch creates. */
export interface BatchRecord {
  /** Null where only the store can draw it (D1). */
  key: Key | null;
  record: PublicRecord;
}

export interface BatchRequest {
  records: readonly BatchRecord[];
  /** All or none. */
  atomic: boolean;
  /** The same batch may have been done before, in part or as a whole: its keys are looked for first. */
  repeated: boolean;
  /** Whose records they are. */
  caller: Caller;
}

/** The creates themselves; those whose parents are missing once more, after the parents were synced. `markedAt`: as in `perform`. */
export async function createAll(
  runtime: ResourceRuntime,
  side: RecordSide,
  request: BatchRequest,
  markedAt: number | null = null,
): Promise<CreateOutcome[]> {
  if (request.atomic && !side.store.capabilities.atomicInserts) throw notAtomic(runtime, side);
  return await onOneBudget(async () => await insertAll(runtime, side, request, markedAt));
}

async function insertAll(
  runtime: ResourceRuntime,
  side: RecordSide,
  { records: asked, atomic, repeated, caller }: BatchRequest,
  markedAt: number | null,
): Promise<CreateOutcome[]> {
  const begun = markedAt ?? performance.now();
  const tenant = tenantOf(caller, runtime.resource);
  const { mapping, references } = runtime.resource;
  const wanted = asked.map(({ key, record }) =>
    stampTouched(runtime, key === null ? record : { ...mapping.keyValues(key), ...record }),
  );
  const made = repeated ? await side.get(asked.flatMap(({ key }) => key ?? [])) : new Map();
  const ownMade = (key: Key | null) => {
    const record = key === null ? undefined : made.get(key);
    return record && isWithin(tenant, record) ? record : undefined;
  };
  const outcomes: CreateOutcome[] = asked.map(({ key }) => ({
    record: ownMade(key) as PublicRecord,
  }));
  const beforeRequest = () => {
    if (markedAt !== null) refuseLate(side, markedAt);
    reach('batch.send');
  };
  const inTime = () => landsInTime(side, begun);
  const insert = async (places: readonly number[]) => {
    const records = places.map((place) => wanted[place] as PublicRecord);
    const done = await side.insertMany(records, { atomic, beforeRequest, inTime });
    places.forEach((place, index) => (outcomes[place] = done[index] as CreateOutcome));
  };
  const missing = places(outcomes, (outcome) => 'record' in outcome && outcome.record === undefined);
  const syncParents = async (of: readonly number[]) =>
    await runtime.syncer.syncParents(of.map((place) => wanted[place] as PublicRecord)).catch(() => undefined);
  await insert(missing).catch(async (error: unknown) => {
    if (!isBanyanError(error, 'reference-missing') || references.length === 0) throw error;
    await syncParents(missing);
    await insert(missing);
  });
  const orphans = places(outcomes, (outcome) => isMissingParent(outcome));
  if (orphans.length > 0 && references.length > 0) {
    await syncParents(orphans);
    await insert(orphans);
  }
  return outcomes;
}

function places(outcomes: readonly CreateOutcome[], holds: (outcome: CreateOutcome) => boolean): number[] {
  return outcomes.flatMap((outcome, place) => (holds(outcome) ? [place] : []));
}

function isMissingParent(outcome: CreateOutcome): boolean {
  return 'error' in outcome && outcome.error.code === 'reference-missing';
}

function notAtomic({ resource }: ResourceRuntime, side: RecordSide): BanyanError {
  return new BanyanError(
    'batch-not-atomic',
    `${resource.name} is on the ${side.side} side now, whose store "${side.store.name}" (${side.store.kind}) takes records ` +
      'one by one: it cannot undo those before a refused one',
  );
}

import type { Caller } from '../domain/callers.ts';
import type { WritePermit } from '../control/routes.ts';
import { BanyanError, isBanyanError } from '../domain/errors.ts';
import type { PublicRecord } from '../domain/values.ts';
import type { Key, Side } from '../domain/words.ts';
import { reach } from '../observability/failpoints.ts';
import type { CreateOutcome, RecordSide } from '../replication/resource.ts';
import { markLegacyWrite, nameMarks } from '../state/journal.ts';
import { isWithin, tenantOf } from './access.ts';
import { noteWrite } from './kept-answer.ts';
import { placeOf } from './places.ts';
import { decidePlan, type WritePlan } from './plan.ts';
import type { ResourceRuntime } from './runtime.ts';
import { waitForSecondary } from './secondary.ts';
import { auditWrite } from './write-audit.ts';
import { lateAnswer, nothingSent, stampTouched, stillInTime } from './writes.ts';

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

export interface BatchResult {
  outcomes: CreateOutcome[];
  side: Side;
  /** With `ack: both`: whether the secondary has all of them too. */
  secondary: 'in-sync' | 'behind' | null;
}

/**
 * Creates many records under the mode in force, as `runWrite` does with one: every record has its mark before anything is
 * sent to legacy, or in its own transaction on the new side (R1, R8, R9), and an outcome of its own (R2). Records that a
 * switch refuses are held and decided anew; the others are done.
 */
export async function runBatch(runtime: ResourceRuntime, request: BatchRequest): Promise<BatchResult> {
  const { resource, routes } = runtime;
  const until = performance.now() + resource.settings.switch.hold;
  const outcomes: CreateOutcome[] = [];
  let left = request.records.map((_, place) => place);
  for (;;) {
    const permit = await routes
      .beginWrite(resource.name, Math.max(0, until - performance.now()))
      .catch((error: unknown) => spread(error, left, outcomes));
    if (!permit) return { outcomes, side: 'new', secondary: null };
    const plan = decidePlan('create', permit.state.mode, resource.settings) as WritePlan;
    const records = left.map((place) => request.records[place] as BatchRecord);
    const done = await attempt(runtime, plan, { ...request, records }, permit);
    const held = left.filter((_, index) => wasSwitched(done[index]));
    left.forEach((place, index) => (outcomes[place] = done[index] as CreateOutcome));
    if (held.length === 0 || performance.now() >= until) return await answer(runtime, plan, outcomes);
    left = held;
    await routes.refresh();
  }
}

/** Records that were done before the rest found no permit are done; without any, the reason is the whole answer. */
function spread(error: unknown, left: readonly number[], outcomes: CreateOutcome[]): null {
  if (outcomes.length === 0 || !isBanyanError(error)) throw error;
  for (const place of left) outcomes[place] = { error };
  return null;
}

function wasSwitched(outcome: CreateOutcome | undefined): boolean {
  return outcome !== undefined && 'error' in outcome && outcome.error.code === 'switching';
}

async function attempt(
  runtime: ResourceRuntime,
  plan: WritePlan,
  request: BatchRequest,
  permit: WritePermit,
): Promise<CreateOutcome[]> {
  let landing = 0;
  try {
    const done = await PERFORM[plan.mark](runtime, plan, request, permit);
    const doubtful = done.find(isUnknown);
    if (doubtful) landing = runtime.resource[plan.side].timing.deadline;
    await noteWrite(runtime, 'create', doubtful?.error);
    const made = done.flatMap((one) => ('record' in one ? [runtime.resource.mapping.keyOf(one.record)] : []));
    await auditWrite(runtime, request.caller, 'create', made);
    return done;
  } catch (error) {
    if (!isBanyanError(error)) throw error;
    await noteWrite(runtime, 'create', error);
    if (error.outcome === 'unknown') landing = runtime.resource[plan.side].timing.deadline;
    // Only a stage that has changed is worth another look; a batch as a whole has no other records to save.
    if (error.code !== 'switching') throw error;
    return request.records.map(() => ({ error }));
  } finally {
    permit.end(landing);
  }
}

function isUnknown(outcome: CreateOutcome): outcome is { error: BanyanError } {
  return 'error' in outcome && outcome.error.outcome === 'unknown';
}

async function answer(
  runtime: ResourceRuntime,
  plan: WritePlan,
  outcomes: CreateOutcome[],
): Promise<BatchResult> {
  const keys = outcomes.flatMap((outcome) =>
    'record' in outcome ? [runtime.resource.mapping.keyOf(outcome.record)] : [],
  );
  if (!plan.waitForSecondary || keys.length === 0) return { outcomes, side: plan.side, secondary: null };
  return { outcomes, side: plan.side, secondary: await waitForSecondary(runtime, plan.side, keys) };
}

type Perform = (
  runtime: ResourceRuntime,
  plan: WritePlan,
  request: BatchRequest,
  permit: WritePermit,
) => Promise<CreateOutcome[]>;

const PERFORM: Readonly<Record<WritePlan['mark'], Perform>> = {
  none: async (runtime, plan, request) => await create(runtime, runtime.resource[plan.side], request),
  before: writeMarked,
  trigger: writeNew,
};

/** R8 for all of them: mark in one statement, check the clock before each request, and say "done" only in time. */
async function writeMarked(
  runtime: ResourceRuntime,
  _plan: WritePlan,
  request: BatchRequest,
): Promise<CreateOutcome[]> {
  const { resource, syncer, replica } = runtime;
  const { deadline } = resource.legacy.timing;
  const begun = performance.now();
  reach('write.before-mark');
  const keys = request.records.map(({ key }) => key);
  const marks = await markLegacyWrite(resource.database, {
    resource: resource.name,
    keys,
    replica,
    deadline,
  }).catch(nothingSent);
  reach('write.marked');
  const given = keys.map((key, index) => ({ key, id: marks[index] as string }));
  const finished = (done: readonly CreateOutcome[]) =>
    syncer.answered(
      given.flatMap(({ key, id }, index) =>
        key === null || !done[index] || isUnknown(done[index]) ? [] : [{ key, id }],
      ),
    );
  let outcomes: CreateOutcome[];
  try {
    outcomes = await create(runtime, resource.legacy, request, stillInTime(resource.legacy, begun));
  } catch (error) {
    // Of an atomic batch: R2 holds for each of its records.
    if (isBanyanError(error)) finished(keys.map(() => ({ error })));
    throw error;
  }
  if (performance.now() > begun + deadline)
    outcomes = outcomes.map((outcome) =>
      'record' in outcome ? { error: lateAnswer(resource.name) } : outcome,
    );
  reach('write.answered');
  finished(outcomes);
  await nameDrawn(runtime, given, outcomes);
  return outcomes;
}

/** D1: keys that legacy has drawn. Where that fails, the marks stay without a key and are looked for after the deadline. */
async function nameDrawn(
  { resource, syncer }: ResourceRuntime,
  given: readonly { key: Key | null; id: string }[],
  outcomes: readonly CreateOutcome[],
): Promise<void> {
  const drawn = given.flatMap(({ key, id }, index) => {
    const outcome = outcomes[index];
    return key === null && outcome && 'record' in outcome
      ? [{ id, key: resource.mapping.keyOf(outcome.record) }]
      : [];
  });
  if (drawn.length === 0) return;
  await nameMarks(resource.database, resource.name, drawn).then(
    (marks) => syncer.answered(marks),
    () => undefined,
  );
}

/** R9: the trigger checks the stage and leaves the marks in the transaction of the rows. */
async function writeNew(
  runtime: ResourceRuntime,
  plan: WritePlan,
  request: BatchRequest,
  { state }: WritePermit,
): Promise<CreateOutcome[]> {
  const { mapping } = runtime.resource;
  // M4: under an id that legacy has, nothing is created beside it.
  const given = request.records.map(({ record }) => mapping.keyGiven(record));
  const place = placeOf(runtime, plan, state);
  const refused =
    (await place.refuseTaken?.(given.filter((key) => key !== null))) ?? new Map<Key, BanyanError>();
  const twin = (index: number) => refused.get(given[index] ?? '');
  const [first] = refused.values();
  if (first && request.atomic) throw first;
  const records = request.records.filter((_, index) => !twin(index));
  const made = (await create(runtime, runtime.resource[plan.side], { ...request, records })).values();
  const outcomes = request.records.map((_, index): CreateOutcome => {
    const error = twin(index);
    return error ? { error } : (made.next().value as CreateOutcome);
  });
  if (plan.sync)
    runtime.syncer.wake(outcomes.flatMap((one) => ('record' in one ? [mapping.keyOf(one.record)] : [])));
  return outcomes;
}

/** The creates themselves; those whose parents are missing once more, after the parents were synced. */
async function create(
  runtime: ResourceRuntime,
  side: RecordSide,
  request: BatchRequest,
  beforeRequest: () => void = () => undefined,
): Promise<CreateOutcome[]> {
  const { atomic, repeated, caller } = request;
  const tenant = tenantOf(caller, runtime.resource);
  if (atomic && !side.store.capabilities.atomicInserts) throw notAtomic(runtime, side);
  const { mapping, references } = runtime.resource;
  const wanted = request.records.map(({ key, record }) =>
    stampTouched(runtime, key === null ? record : { ...mapping.keyValues(key), ...record }),
  );
  const made = repeated ? await side.get(request.records.flatMap(({ key }) => key ?? [])) : new Map();
  const ownMade = (key: Key | null) => {
    const record = key === null ? undefined : made.get(key);
    return record && isWithin(tenant, record) ? record : undefined;
  };
  const outcomes: CreateOutcome[] = request.records.map(({ key }) => ({
    record: ownMade(key) as PublicRecord,
  }));
  const send = () => {
    beforeRequest();
    reach('batch.send');
  };
  const insert = async (places: readonly number[]) => {
    const records = places.map((place) => wanted[place] as PublicRecord);
    const done = await side.insertMany(records, { atomic, beforeRequest: send });
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

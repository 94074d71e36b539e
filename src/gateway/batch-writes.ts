import type { WritePermit } from '../control/routes.ts';
import { type BanyanError, isBanyanError } from '../domain/errors.ts';
import type { Key, Side } from '../domain/words.ts';
import { reach } from '../observability/failpoints.ts';
import type { CreateOutcome } from '../replication/resource.ts';
import { markLegacyWrite, nameMarks } from '../state/journal.ts';
import { tenantOf } from './access.ts';
import { createAll, type BatchRecord, type BatchRequest } from './batch-inserts.ts';
import { noteWrite } from './kept-answer.ts';
import { placeOf } from './places.ts';
import { decidePlan, type WritePlan } from './plan.ts';
import type { ResourceRuntime } from './runtime.ts';
import { waitForSecondary } from './secondary.ts';
import { auditWrite } from './write-audit.ts';
import { plainDuplicate } from './write-verbs.ts';
import { lateAnswer, nothingSent } from './writes.ts';

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
  if (tenantOf(request.caller, runtime.resource) === null) return await runHeld(runtime, request);
  const plain = (error: BanyanError) => (error.code === 'duplicate' ? plainDuplicate(runtime, error) : error);
  try {
    const done = await runHeld(runtime, request);
    const outcomes = done.outcomes.map((one) => ('error' in one ? { error: plain(one.error) } : one));
    return { ...done, outcomes };
  } catch (error) {
    throw isBanyanError(error) ? plain(error) : error;
  }
}

async function runHeld(runtime: ResourceRuntime, request: BatchRequest): Promise<BatchResult> {
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
  none: async (runtime, plan, request) => await createAll(runtime, runtime.resource[plan.side], request),
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
    outcomes = await createAll(runtime, resource.legacy, request, begun);
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
  const made = (await createAll(runtime, runtime.resource[plan.side], { ...request, records })).values();
  const outcomes = request.records.map((_, index): CreateOutcome => {
    const error = twin(index);
    return error ? { error } : (made.next().value as CreateOutcome);
  });
  if (plan.sync)
    runtime.syncer.wake(outcomes.flatMap((one) => ('record' in one ? [mapping.keyOf(one.record)] : [])));
  return outcomes;
}

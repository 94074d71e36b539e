import type { WritePermit } from '../control/routes.ts';
import { BanyanError, isBanyanError } from '../domain/errors.ts';
import type { PublicRecord } from '../domain/values.ts';
import type { Key, Side } from '../domain/words.ts';
import { reach } from '../observability/failpoints.ts';
import { overtaken } from '../replication/places.ts';
import { drawsKeys } from '../replication/resource.ts';
import { markLegacyWrite, nameMark } from '../state/journal.ts';
import { ownRecord, tenantOf } from './access.ts';
import { refuseForeignParents } from './parents.ts';
import { noteWrite } from './kept-answer.ts';
import { decidePlan, type WritePlan } from './plan.ts';
import { hasEnded } from './reads.ts';
import { placeOf } from './places.ts';
import type { ResourceRuntime } from './runtime.ts';
import { waitForSecondary } from './secondary.ts';
import { auditWrite } from './write-audit.ts';
import { perform, type LimitedWrite, type WriteRequest } from './write-verbs.ts';

export type { WriteRequest } from './write-verbs.ts';

export interface WriteResult {
  record: PublicRecord;
  side: Side;
  /** With `ack: both`: the secondary has it too. */
  secondary: 'in-sync' | 'behind' | null;
}

/** A key for a create that names none; null where only the store can draw it, or what it lacks of it (D1). */
export function newKey({ resource }: ResourceRuntime): Key | null {
  return resource.mapping.newKey();
}

/**
 * Runs a write under the mode in force, held while the resource is being switched. A refusal of the stage check (R8, R9)
 * means that this replica's view was old: it is refreshed, and the write is decided anew.
 */
export async function runWrite(runtime: ResourceRuntime, asked: WriteRequest): Promise<WriteResult> {
  const { resource, routes } = runtime;
  const request = await limited(runtime, asked);
  const until = performance.now() + resource.settings.switch.hold;
  for (;;) {
    const permit = await routes.beginWrite(resource.name, Math.max(0, until - performance.now()));
    const plan = decidePlan(request.verb, permit.state.mode, resource.settings) as WritePlan;
    if (request.only && plan.side !== request.only) {
      permit.end();
      throw elsewhere(resource.name, plan.side);
    }
    try {
      const result = await PERFORM[plan.mark](runtime, plan, keyedFor(runtime, plan, request), permit);
      permit.end();
      await noteWrite(runtime, request.verb);
      await auditWrite(runtime, request.caller, request.verb, [resource.mapping.keyOf(result.record)]);
      return {
        ...result,
        secondary: plan.waitForSecondary
          ? await waitForSecondary(runtime, plan.side, [resource.mapping.keyOf(result.record)])
          : null,
      };
    } catch (error) {
      const unknown = isBanyanError(error) && error.outcome === 'unknown';
      if (unknown) await noteWrite(runtime, request.verb, error);
      // Only a write to legacy without a mark is waited for (R19, M1).
      permit.end(unknown ? resource.legacy.timing.deadline : 0);
      if (!isBanyanError(error, 'switching') || performance.now() >= until) throw error;
      await routes.refresh();
    }
  }
}

async function limited(runtime: ResourceRuntime, asked: WriteRequest): Promise<LimitedWrite> {
  const { verb, caller, record, key } = asked;
  const tenant = tenantOf(caller, runtime.resource);
  if (verb === 'remove') return { ...asked, tenant };
  const own = ownRecord(caller, runtime.resource, verb, record);
  await refuseForeignParents(runtime, caller, own, key);
  return { ...asked, record: own, tenant };
}

/** D1: a create in a store that draws all keys is sent without one, also where the gateway had one ready. */
function keyedFor({ resource }: ResourceRuntime, plan: WritePlan, request: LimitedWrite): LimitedWrite {
  if (request.verb !== 'create' || plan.side !== 'legacy' || !drawsKeys(resource.legacy)) return request;
  if (resource.mapping.keyGiven(request.record) === null) return { ...request, key: null };
  const [field = ''] = resource.mapping.keys.map(({ name }) => name);
  throw new BanyanError('validation-failed', `${resource.name}: leave "${field}" out; its store draws it`, {
    details: [{ field, message: 'is drawn by the store' }],
  });
}

function elsewhere(resource: string, side: Side): BanyanError {
  return new BanyanError('switching', `${resource} is on the ${side} side now; nothing was sent`);
}

type Perform = (
  runtime: ResourceRuntime,
  plan: WritePlan,
  request: LimitedWrite,
  permit: WritePermit,
) => Promise<Omit<WriteResult, 'secondary'>>;

const PERFORM: Readonly<Record<WritePlan['mark'], Perform>> = {
  none: writeUnmarked,
  before: writeMarked,
  trigger: writeNew,
};

async function writeUnmarked(runtime: ResourceRuntime, plan: WritePlan, request: LimitedWrite) {
  return { record: await perform(runtime, runtime.resource[plan.side], request), side: plan.side };
}

/** R8: mark, check the clock, send, and say "done" only in time. */
async function writeMarked(runtime: ResourceRuntime, plan: WritePlan, request: LimitedWrite) {
  const { resource, syncer, replica } = runtime;
  const { deadline } = resource.legacy.timing;
  const begun = performance.now();
  reach('write.before-mark');
  const marks = { resource: resource.name, keys: [request.key], replica, deadline };
  const [mark] = (await markLegacyWrite(resource.database, marks).catch(nothingSent)) as [string];
  reach('write.marked');
  const answered = (key: Key) => syncer.answered([{ id: mark, key }]);
  let record: PublicRecord;
  try {
    record = await perform(runtime, resource.legacy, request, begun);
  } catch (error) {
    throw unanswered(error, () => request.key !== null && answered(request.key));
  }
  if (performance.now() > begun + deadline) throw lateAnswer(resource.name);
  reach('write.answered');
  const key = resource.mapping.keyOf(record);
  if (request.key !== null) answered(key);
  // D1: the writer adds the key that legacy has drawn. The write is done also where it cannot: its mark then stays without a
  // key, and what it made is looked for after the deadline.
  else
    await nameMark(resource.database, resource.name, mark, key).then(
      (id) => syncer.answered([{ id, key }]),
      () => undefined,
    );
  return { record, side: plan.side };
}

/** The mark may be there or not; nothing was sent to legacy, so the client may be sure that nothing was done. */
export function nothingSent(error: unknown): never {
  if (isBanyanError(error, 'switching')) throw error;
  throw new BanyanError('control-unavailable', undefined, { cause: error });
}

/** R2: only a definite answer finishes the mark; without one it stays pending until its deadline. */
function unanswered(error: unknown, finish: () => unknown): unknown {
  if (!isBanyanError(error))
    return new BanyanError('outcome-unknown', undefined, { outcome: 'unknown', cause: error });
  if (error.outcome === 'not-applied') finish();
  return error;
}

export function lateAnswer(resource: string): BanyanError {
  const message = `the answer of the write to ${resource} came after its deadline`;
  return new BanyanError('outcome-unknown', message, { outcome: 'unknown' });
}

/** R9: the trigger checks the stage and leaves the mark in the write's own transaction. */
async function writeNew(
  runtime: ResourceRuntime,
  plan: WritePlan,
  request: LimitedWrite,
  { state }: WritePermit,
) {
  const place = placeOf(runtime, plan, state);
  const record = await perform(runtime, place, request).catch((error: unknown) => {
    // M6: what was not there, or was, by the word of a generation that has ended, says nothing.
    const verdict = isBanyanError(error, 'not-found') || isBanyanError(error, 'duplicate');
    const now = runtime.routes.state(runtime.resource.name);
    throw verdict && hasEnded(state, now) ? overtaken(runtime.resource) : error;
  });
  const key = runtime.resource.mapping.keyOf(record);
  if (plan.sync)
    runtime.syncer.wake(request.key === null || request.key === key ? [key] : [request.key, key]);
  return { record, side: place.side };
}

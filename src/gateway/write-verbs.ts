import type { Caller } from '../domain/callers.ts';
import { BanyanError, isBanyanError } from '../domain/errors.ts';
import type { PublicRecord } from '../domain/values.ts';
import type { Key, Side } from '../domain/words.ts';
import { namesPartOf } from '../mapping/references.ts';
import { refuseLate, sendAgain } from '../replication/landing.ts';
import type { WritePlace } from '../replication/places.ts';
import { RecordSide } from '../replication/resource.ts';
import { onOneBudget } from '../stores/attempts.ts';
import { isWithin, type Tenant } from './access.ts';
import { notFound } from './not-found.ts';
import type { ResourceRuntime } from './runtime.ts';
import type { Verb } from './plan.ts';

/** A write as the client asked for it. */
export interface WriteRequest {
  verb: Exclude<Verb, 'list' | 'detail'>;
  /** Null for a create whose key the store draws (D1). */
  key: Key | null;
  /** The whole record, or the changes; empty for `remove`. */
  record: PublicRecord;
  /** The same request may have been done before (its first attempt has no answer). */
  repeated: boolean;
  /** Whose write it is: what he may not see is not there for him. */
  caller: Caller;
  /** Only on this side: elsewhere it fails with switching, and nothing is done. */
  only?: Side;
}

/** A write with what its caller's limits make of it. */
export interface LimitedWrite extends WriteRequest {
  tenant: Tenant | null;
}

/**
 * The write itself; once more after its parents were synced, where the primary lacks them only because it follows there.
 * `markedAt`: when its mark was about to be made, if it has one. A place that joins both sides asks several stores, and
 * sends again itself what each of them certainly has not done.
 */
export async function perform(
  runtime: ResourceRuntime,
  side: WritePlace,
  request: LimitedWrite,
  markedAt: number | null = null,
): Promise<PublicRecord> {
  const begun = markedAt ?? performance.now();
  const write = async () => await VERBS[request.verb](runtime, side, request);
  const send = async () => {
    if (!(side instanceof RecordSide)) return await write();
    if (markedAt !== null) refuseLate(side, markedAt);
    // R8: under the same mark, and only while it allows that; without one, while no repeat of the client's runs beside it.
    return await sendAgain(side, begun, write);
  };
  return await onOneBudget(async () => {
    try {
      return await send();
    } catch (error) {
      if (request.tenant && isBanyanError(error, 'duplicate')) throw plainDuplicate(runtime, error);
      if (!isBanyanError(error, 'reference-missing') || request.verb === 'remove') throw error;
      if (runtime.resource.references.length === 0) throw error;
      const whole = await withPresentParts(runtime, side, request);
      await runtime.syncer.syncParents([whole]).catch(() => undefined);
      return await send();
    }
  });
}

/** What a change refers to by halves: the other parts are the record's as it is. */
async function withPresentParts(
  { resource }: ResourceRuntime,
  side: WritePlace,
  { key, record }: LimitedWrite,
): Promise<PublicRecord> {
  if (key === null) return record;
  const known = { ...resource.mapping.keyValues(key), ...record };
  if (!resource.references.some(({ fields }) => namesPartOf(known, fields))) return known;
  return { ...(await side.get([key])).get(key), ...known };
}

/** Which store has the record would tell callers of one tenant something of the others'. */
export function plainDuplicate({ resource }: ResourceRuntime, error: BanyanError): BanyanError {
  const field = (error.details as { field?: string } | undefined)?.field;
  return new BanyanError('duplicate', `${resource.name} already has a record with this value`, {
    ...(field === undefined ? {} : { details: { field } }),
    cause: error,
  });
}

type PerformVerb = (
  runtime: ResourceRuntime,
  side: WritePlace,
  request: LimitedWrite,
) => Promise<PublicRecord>;

const VERBS: Readonly<Record<WriteRequest['verb'], PerformVerb>> = {
  async create(runtime, side, { key, record, repeated, tenant }) {
    if (repeated && key !== null) {
      // The first attempt may have made it: the same key is the same create.
      const made = (await side.get([key])).get(key);
      if (made && isWithin(tenant, made)) return made;
    }
    const keyed = key === null ? record : { ...runtime.resource.mapping.keyValues(key), ...record };
    const keyIsNew = runtime.resource.mapping.keys.some(({ name }) => record[name] === undefined);
    try {
      return await side.insert(stampTouched(runtime, keyed), keyIsNew);
    } catch (error) {
      // A driver that repeats a write whose answer got lost may meet what it has written: nobody else has a key made now.
      const mine = keyIsNew && key !== null && isBanyanError(error, 'duplicate');
      const made = mine ? (await side.get([key])).get(key) : undefined;
      if (made) return made;
      throw error;
    }
  },
  replace: update,
  change: update,
  async remove(runtime, side, { key, repeated, tenant }) {
    const removed = await side.remove(key as Key, tenant);
    if (!removed && !repeated) throw notFound(runtime.resource, key);
    return runtime.resource.mapping.keyValues(key as Key);
  },
};

async function update(
  runtime: ResourceRuntime,
  side: WritePlace,
  { key, record, tenant }: LimitedWrite,
): Promise<PublicRecord> {
  // R4: one operation of the primary; to read and write back would undo a change of another field made meanwhile.
  const changed = await side.update(key as Key, stampTouched(runtime, record), tenant);
  if (!changed) throw notFound(runtime.resource, key);
  return changed;
}

/** Fields that say when a record was last written (`@updatedAt`), unless the client has set them. */
export function stampTouched({ resource }: ResourceRuntime, record: PublicRecord): PublicRecord {
  const result = { ...record };
  for (const field of resource.mapping.fields) {
    if (field.touched && result[field.name] === undefined) result[field.name] = new Date().toISOString();
  }
  return result;
}

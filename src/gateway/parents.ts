import type { Caller } from '../domain/callers.ts';
import { BanyanError, isBanyanError } from '../domain/errors.ts';
import { joinKey, partText } from '../domain/keys.ts';
import type { PublicRecord } from '../domain/values.ts';
import type { Key } from '../domain/words.ts';
import { acceptKey } from '../mapping/accept.ts';
import { namesPartOf, referredIds } from '../mapping/references.ts';
import { readRecord } from './reads.ts';
import type { ResourceRuntime } from './runtime.ts';

/**
 * Refuses references to records that the caller does not see, in the very words in which one to no record is refused: he
 * cannot learn which of the two it is. Where the parent has no tenants, the store's own constraint is enough.
 * `see`: a look before the usual one, at what a transaction has made and not committed yet. `look`: the usual one.
 */
export async function refuseForeignParents(
  runtime: ResourceRuntime,
  caller: Caller,
  record: PublicRecord,
  own: Key | null,
  see?: (parent: ResourceRuntime, key: Key) => Promise<boolean>,
  look: Look = isVisible,
): Promise<void> {
  for (const { fields, resource } of runtime.resource.references) {
    const parent = runtime.peer(resource);
    if (!parent?.resource.settings.access.tenant) continue;
    const whole = await withPresentParts(runtime, caller, record, own, fields);
    const ids = referredIds(whole, fields).map((parts) => joinKey(parts.map(partText)));
    for (const id of new Set(ids)) {
      const key = acceptKey(parent.resource.mapping, id);
      if (resource === runtime.resource.name && key !== null && key === own) continue;
      if (key !== null && (await see?.(parent, key))) continue;
      if (key === null || !(await look(parent, caller, key))) throw missing(fields, resource);
    }
  }
}

/** A change of some parts of a composite reference leaves the others as they are. */
async function withPresentParts(
  runtime: ResourceRuntime,
  caller: Caller,
  record: PublicRecord,
  own: Key | null,
  fields: readonly string[],
): Promise<PublicRecord> {
  if (own === null) return record;
  // Of its children, whose parts may be beside its own id.
  if (fields.some((field) => field.includes('.')))
    return { ...runtime.resource.mapping.keyValues(own), ...record };
  if (!namesPartOf(record, fields)) return record;
  try {
    return { ...(await readRecord(runtime, own, caller)).record, ...record };
  } catch (error) {
    if (isBanyanError(error, 'not-found')) return record;
    throw error;
  }
}

type Look = (parent: ResourceRuntime, caller: Caller, key: Key) => Promise<boolean>;

/** One look at each parent, for many records of one request: the samples of a batch have few devices. */
export function oneLookEach(): Look {
  const looks = new Map<string, Promise<boolean>>();
  return async (parent, caller, key) => {
    const name = `${parent.resource.name} ${key}`;
    const looked = looks.get(name) ?? isVisible(parent, caller, key);
    looks.set(name, looked);
    return await looked;
  };
}

async function isVisible(parent: ResourceRuntime, caller: Caller, key: Key): Promise<boolean> {
  try {
    await readRecord(parent, key, caller);
    return true;
  } catch (error) {
    if (isBanyanError(error, 'not-found')) return false;
    throw error;
  }
}

function missing(fields: readonly string[], resource: string): BanyanError {
  const [field = '', ...more] = fields;
  const refer = more.length === 0 ? 'refers' : 'refer';
  return new BanyanError('reference-missing', `${fields.join(', ')} ${refer} to no record of ${resource}`, {
    details: more.length === 0 ? { field } : { field, fields: [...fields] },
  });
}

import { isPassing } from '../domain/errors.ts';
import type { PublicRecord } from '../domain/values.ts';
import type { Key, Side } from '../domain/words.ts';
import { reach } from '../observability/failpoints.ts';
import { clearFailures } from '../state/failures.ts';
import { clearableMarks, deleteMarks, type Mark } from '../state/journal.ts';
import { holdLegacyPrimary } from '../state/resources.ts';
import { claimSlots, noteSlots, slotOf, type SlotNote } from '../state/slots.ts';
import type { BoundResource } from './resource.ts';

/** What a pass of sync did with each of its keys. */
export interface SyncResult {
  /** The secondary has the primary's state; the marks chosen before are gone. */
  synced: Key[];
  /** Somebody else worked on the key meanwhile, or holds it: to be done again. */
  again: Key[];
  /** The record itself is the reason: the other side refuses it. */
  refused: RefusedKey[];
  /** The direction is not this one any more. */
  turned: boolean;
}

export interface RefusedKey {
  key: Key;
  error: Error;
  /** What the other side was to have; undefined: that there is no such record. */
  record: PublicRecord | undefined;
  /** The side that refuses it. */
  target: Side;
  /** The marks that were chosen before the record was read. */
  marks: string[];
}

export const NOTHING: SyncResult = { synced: [], again: [], refused: [], turned: false };

/**
 * R3, R6 (optimistic): brings the new side of some keys to legacy's present state. No lock and no transaction is held
 * while legacy is asked; what was read is written only where nobody synced the key since its counter was noted.
 *
 * `own`: ids of marks of these keys that this process wrote and has the answer for. `onCounted` hears, after the commit,
 * which counters were counted up, as they were before. Throws what passes (a store that is away); then nothing was
 * changed.
 */
export async function pull(
  resource: BoundResource,
  keys: readonly Key[],
  own: readonly string[],
  onCounted: (counted: SlotNote) => void = () => undefined,
): Promise<SyncResult> {
  const { database, name } = resource;
  // (1) take the keys, (2) choose the marks: both before the read. Choosing after it would clear a newer write's mark.
  const note = await noteSlots(database, name, keys);
  const marks = await clearableMarks(database, name, keys, own);
  reach('sync.noted');
  // (3) read the primary's present state (R4: never what a write was answered, never the operation again)
  const records = await resource.legacy.get(keys);
  reach('sync.read');
  try {
    const result = await database.transaction(async (sql) => {
      if (!(await holdLegacyPrimary(sql, name))) return { ...NOTHING, turned: true };
      const slots = await claimSlots(sql, name, keys, note);
      const claimed = keys.filter((key) => slots.has(slotOf(key)));
      // (4) write the secondary
      const target = resource.new.within(sql);
      await target.removeMany(claimed.filter((key) => !records.has(key)));
      await target.upsertMany(present(records, claimed));
      // (5) delete exactly the chosen marks of what was written
      const written = new Set(claimed);
      await deleteMarks(
        sql,
        marks.filter((mark) => written.has(mark.key)).map((mark) => mark.id),
      );
      reach('sync.before-commit');
      return { ...NOTHING, synced: claimed, again: keys.filter((key) => !written.has(key)) };
    });
    reach('sync.committed');
    const counted = new Set(result.synced.map(slotOf));
    onCounted(new Map([...note].filter(([slot]) => counted.has(slot))));
    if (result.synced.length > 0) await clearFailures(database, name, result.synced);
    return result;
  } catch (error) {
    if (isPassing(error)) throw error;
    return await oneByOne(keys, error as Error, async (key) => await pull(resource, [key], own, onCounted), {
      records,
      marks,
      target: 'new',
    });
  }
}

/** The records of those of the keys that are there. */
export function present(records: ReadonlyMap<Key, PublicRecord>, keys: readonly Key[]): PublicRecord[] {
  return keys.map((key) => records.get(key)).filter((record) => record !== undefined);
}

/** What was chosen and read before a batch was written to `target`. */
interface Read {
  records: ReadonlyMap<Key, PublicRecord>;
  marks: readonly Mark[];
  target: Side;
}

/** A batch was refused: finds out which of its keys are to blame. */
export async function oneByOne(
  keys: readonly Key[],
  error: Error,
  work: (key: Key) => Promise<SyncResult>,
  { records, marks, target }: Read,
): Promise<SyncResult> {
  if (keys.length === 1) {
    const key = keys[0] as Key;
    const chosen = marks.filter((mark) => mark.key === key).map(({ id }) => id);
    return { ...NOTHING, refused: [{ key, error, record: records.get(key), target, marks: chosen }] };
  }
  const results: SyncResult[] = [];
  for (const key of keys) results.push(await work(key));
  return {
    synced: results.flatMap((result) => result.synced),
    again: results.flatMap((result) => result.again),
    refused: results.flatMap((result) => result.refused),
    turned: results.some((result) => result.turned),
  };
}

import { BanyanError, isBanyanError, isPassing } from '../domain/errors.ts';
import type { Sql } from '../domain/sql.ts';
import type { PublicRecord } from '../domain/values.ts';
import type { Key } from '../domain/words.ts';
import { reach } from '../observability/failpoints.ts';
import { holdForMove, takeForMove, takenOver } from '../state/moved.ts';
import { NOTHING, oneByOne, present, type SyncResult } from './pull.ts';
import type { BoundResource } from './resource.ts';

/** The mode in which records are moved one by one (M2); a read of legacy under any other says nothing of it. */
export const MOVING = 'merged';

/**
 * M2, M3: brings records of legacy to new that new has not taken over, each once for all. Whatever new has already, or
 * has deleted, is left alone: a mover that comes late brings nothing back. The records in legacy stay as they are.
 *
 * Answers like a sync: `turned`: the mode is another one. Throws what passes (a store that is away).
 */
export async function moveKeys(
  resource: BoundResource,
  keys: readonly Key[],
  generation: number,
): Promise<SyncResult> {
  const taken = await takenOver(resource.database, { resource: resource.name, generation }, keys);
  const left = keys.filter((key) => !taken.has(key));
  if (left.length === 0) return { ...NOTHING, synced: [...keys] };
  const records = await resource.legacy.get(left);
  return await moveRecords(resource, records, generation);
}

/** As `moveKeys`, of records that were read from legacy in this mode and generation. */
export async function moveRecords(
  resource: BoundResource,
  records: ReadonlyMap<Key, PublicRecord>,
  generation: number,
): Promise<SyncResult> {
  const keys = [...records.keys()];
  if (keys.length === 0) return NOTHING;
  reach('move.read');
  try {
    const held = await resource.database.transaction(async (sql) => {
      const done = await moveWithin(sql, resource, records, generation);
      reach('move.before-commit');
      return done;
    });
    return held ? { ...NOTHING, synced: keys } : { ...NOTHING, again: keys, turned: true };
  } catch (error) {
    if (isPassing(error)) throw error;
    const read = { records, marks: [], target: 'new' } as const;
    return await oneByOne(
      keys,
      error as Error,
      async (key) =>
        await moveRecords(resource, new Map([[key, records.get(key) as PublicRecord]]), generation),
      read,
    );
  }
}

/** M2: the move itself, in the caller's transaction. False: the mode is another one, and nothing was done. */
export async function moveWithin(
  sql: Sql,
  resource: BoundResource,
  records: ReadonlyMap<Key, PublicRecord>,
  generation: number,
  { passed = false } = {},
): Promise<boolean> {
  const { name } = resource;
  if ((await holdForMove(sql, name, { mode: MOVING, generation })) === null) return false;
  const mine = await takeForMove(sql, { resource: name, generation }, [...records.keys()], { passed });
  const target = resource.new.within(sql);
  // A record that stood in new before, without having been moved, wins like any other.
  const there = mine.size > 0 ? await target.get([...mine]) : new Map<Key, PublicRecord>();
  await target.upsertMany(
    present(
      records,
      [...mine].filter((key) => !there.has(key)),
    ),
  );
  return true;
}

/** The refusal of a record that has to be in new before it can be changed. */
export function cannotMove(error: unknown, { name, mapping }: BoundResource, key: Key): unknown {
  if (!isBanyanError(error) || isPassing(error) || error.code === 'switching') return error;
  const shown = mapping.ids.publicText(key);
  return new BanyanError(
    error.code,
    `${name} "${shown}" could not be moved to the new side: ${error.message}`,
    {
      details: error.details,
      cause: error,
    },
  );
}

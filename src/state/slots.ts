import type { Sql } from '../domain/sql.ts';
import type { Key, ResourceName } from '../domain/words.ts';

/** Counters per resource. More of them: fewer repeats by chance; fewer: less to count up in a chunk of backfill. */
export const SLOTS = 512;

/** The counter of a key: 32-bit FNV-1a of its UTF-16 code units, so that every process agrees. */
export function slotOf(key: Key): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < key.length; index += 1) {
    hash = Math.imul(hash ^ key.charCodeAt(index), 0x01000193);
  }
  return (hash >>> 0) % SLOTS;
}

/** Slot number to its counter (a bigint in text). */
export type SlotNote = Map<number, string>;

/** Makes the counters of a resource. Doing it again changes nothing. */
export async function createSlots(sql: Sql, resource: ResourceName): Promise<void> {
  await sql.query(
    `INSERT INTO banyan.sync_slot (resource, slot) SELECT $1, s FROM generate_series(0, $2::int - 1) AS t (s)
     ON CONFLICT DO NOTHING`,
    [resource, SLOTS],
  );
}

/** R6, optimistic: notes the counters of keys before the primary is read. Null: those of the whole resource. */
export async function noteSlots(
  sql: Sql,
  resource: ResourceName,
  keys: readonly Key[] | null,
): Promise<SlotNote> {
  const slots = keys && [...new Set(keys.map(slotOf))];
  const { rows } = await sql.query<{ slot: number | string; n: string }>(
    `SELECT slot::text, n::text FROM banyan.sync_slot WHERE resource = $1 AND ($2::int[] IS NULL OR slot = ANY($2::int[]))`,
    [resource, slots],
  );
  return new Map(rows.map((row) => [Number(row.slot), row.n]));
}

/**
 * R6, optimistic: inside the committing transaction, counts up the slots of these keys that are as noted, and answers
 * them. A key whose slot is not among them was synced meanwhile: its read is too old to be written.
 * Slots are locked in ascending order, so that two batches never wait for each other in a circle.
 */
export async function claimSlots(
  sql: Sql,
  resource: ResourceName,
  keys: readonly Key[],
  note: SlotNote,
): Promise<Set<number>> {
  const slots = [...new Set(keys.map(slotOf))].filter((slot) => note.has(slot)).sort((a, b) => a - b);
  const { rows } = await sql.query<{ slot: string }>(
    `WITH locked AS MATERIALIZED (
       SELECT s.slot FROM banyan.sync_slot AS s
       JOIN unnest($2::int[], $3::bigint[]) AS noted (slot, n) ON noted.slot = s.slot AND noted.n = s.n
       WHERE s.resource = $1 ORDER BY s.slot FOR UPDATE OF s)
     UPDATE banyan.sync_slot AS s SET n = s.n + 1 FROM locked WHERE s.resource = $1 AND s.slot = locked.slot
     RETURNING s.slot::text`,
    [resource, slots, slots.map((slot) => note.get(slot))],
  );
  return new Set(rows.map((row) => Number(row.slot)));
}

/**
 * Takes a count that the holder of `note` has made itself, for other keys, over into it. Sound, for counters only grow: a
 * counter that was noted as it was before that count has been counted up by nobody else between the two.
 */
export function takeOver(note: SlotNote, counted: SlotNote): void {
  for (const [slot, before] of counted) {
    if (note.get(slot) === before) note.set(slot, String(BigInt(before) + 1n));
  }
}

/** Counts up without a condition: a sync to legacy is through, so a comparison under way gives no verdict (R30). */
export async function countSlots(sql: Sql, resource: ResourceName, keys: readonly Key[]): Promise<void> {
  const slots = [...new Set(keys.map(slotOf))].sort((a, b) => a - b);
  await sql.query(
    `WITH locked AS MATERIALIZED (
       SELECT slot FROM banyan.sync_slot WHERE resource = $1 AND slot = ANY($2::int[]) ORDER BY slot FOR UPDATE)
     UPDATE banyan.sync_slot AS s SET n = n + 1 FROM locked WHERE s.resource = $1 AND s.slot = locked.slot`,
    [resource, slots],
  );
}

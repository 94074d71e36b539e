import { PARTIAL_MODES } from '../domain/modes.ts';
import type { Sql } from '../domain/sql.ts';
import type { Key, Mode, ResourceName } from '../domain/words.ts';
import { shareGate } from './gate.ts';

/** A resource in one of its generations: rows of another one are void (M6). */
export interface Generation {
  resource: ResourceName;
  generation: number;
}

/** Which of these keys new has taken over, and whether it has deleted them since. */
export async function takenOver(
  sql: Sql,
  { resource, generation }: Generation,
  keys: readonly Key[],
): Promise<Map<Key, { deleted: boolean }>> {
  if (keys.length === 0) return new Map();
  const { rows } = await sql.query<{ key: Key; deleted: string }>(
    `SELECT key, deleted::text FROM banyan.moved
     WHERE resource = $1 AND generation = $2::int AND key = ANY($3::text[])`,
    [resource, generation, keys],
  );
  return new Map(rows.map(({ key, deleted }) => [key, { deleted: deleted === 'true' }]));
}

/** Whether legacy may hold anything that is new's. */
export async function anyTakenOver(sql: Sql, { resource, generation }: Generation): Promise<boolean> {
  const { rows } = await sql.query(
    'SELECT 1 FROM banyan.moved WHERE resource = $1 AND generation = $2::int LIMIT 1',
    [resource, generation],
  );
  return rows.length > 0;
}

/**
 * M3: inside a transaction that moves: makes sure that the mode is still the one under which legacy was read, and stays so
 * until it commits, and says that what follows is a move, which the triggers do not mark. Legacy may have been written
 * in any other mode, so a read from before would bring back an old record. Answers the generation; null: it is over.
 */
export async function holdForMove(sql: Sql, resource: ResourceName, read: ReadUnder): Promise<number | null> {
  const { rows } = await sql.query<{ generation: string }>(
    `WITH gate AS MATERIALIZED (SELECT ${shareGate('$1')})
     SELECT generation::text, set_config('banyan.origin', 'move:' || $1::text, true) FROM gate, banyan.resource
     WHERE name = $1 AND stage = 'open' AND mode = $2 AND generation = $3::int FOR SHARE OF resource`,
    [resource, read.mode, read.generation],
  );
  return rows[0] ? Number(rows[0].generation) : null;
}

/**
 * M4: inside a transaction that creates: makes sure that the look at legacy before it still holds, i.e. that no other
 * generation has begun. What follows is a client's write.
 */
export async function holdForCreate(sql: Sql, { resource, generation }: Generation): Promise<boolean> {
  const { rows } = await sql.query(
    `WITH gate AS MATERIALIZED (SELECT ${shareGate('$1')})
     SELECT set_config('banyan.origin', 'client', true) FROM gate, banyan.resource
     WHERE name = $1 AND stage = 'open' AND "primary" = 'new' AND generation = $2::int FOR SHARE OF resource`,
    [resource, generation],
  );
  return rows.length > 0;
}

/** The state under which a record of legacy was read. */
export interface ReadUnder {
  mode: Mode;
  generation: number;
}

/** What follows in this transaction is a client's write again, and leaves marks (D5). */
export async function endMove(sql: Sql): Promise<void> {
  await sql.query(`SELECT set_config('banyan.origin', 'client', true)`);
}

/**
 * M2: takes keys for a move, in ascending order against deadlocks; waits for whoever has one in an open transaction.
 * Answers those that nobody had: new has neither moved nor deleted them. `deleted`: as tombstones at once.
 */
export async function takeForMove(
  sql: Sql,
  { resource, generation }: Generation,
  keys: readonly Key[],
  { deleted = false, passed = false } = {},
): Promise<Set<Key>> {
  if (keys.length === 0) return new Set();
  const { rows } = await sql.query<{ key: Key }>(
    `INSERT INTO banyan.moved (resource, generation, key, deleted, passed)
     SELECT $1, $2::int, k, $4::boolean, $5::boolean FROM (SELECT DISTINCT k FROM unnest($3::text[]) AS t (k) ORDER BY k) AS wanted
     ON CONFLICT DO NOTHING RETURNING key`,
    [resource, generation, keys, deleted, passed],
  );
  return new Set(rows.map(({ key }) => key));
}

/** The mover has come past these keys, which were taken over before. */
export async function notePassed(
  sql: Sql,
  { resource, generation }: Generation,
  keys: readonly Key[],
): Promise<void> {
  await sql.query(
    `UPDATE banyan.moved SET passed = true
     WHERE resource = $1 AND generation = $2::int AND key = ANY($3::text[]) AND NOT passed`,
    [resource, generation, keys],
  );
}

/**
 * M7: keys that legacy is about to get from new hide their twin before it is there. Rows of keys that new never had
 * in common with legacy come only from here. Only under the lease of the push: one that is late would hide records of
 * legacy in a later generation, and no mover would bring them to new.
 */
export async function noteTwins(
  sql: Sql,
  { resource, keys, holder }: { resource: ResourceName; keys: readonly Key[]; holder: string },
): Promise<void> {
  if (keys.length === 0) return;
  await sql.query(
    `INSERT INTO banyan.moved (resource, generation, key)
     SELECT r.name, r.generation, l.key FROM banyan.resource AS r JOIN banyan.lease AS l ON l.resource = r.name
     WHERE r.name = $1 AND r.mode = ANY($3::text[])
       AND l.key = ANY($2::text[]) AND l.holder = $4::uuid AND l.until > clock_timestamp()
     ORDER BY l.key ON CONFLICT DO NOTHING`,
    [resource, keys, PARTIAL_MODES, holder],
  );
}

/**
 * M5: which of the keys that new lacks legacy may be rid of: while each side has records that the other lacks, only those
 * that new has deleted. Read from the control database: what this process believes of the mode may be old.
 */
export async function deletedInNew(
  sql: Sql,
  resource: ResourceName,
  keys: readonly Key[],
): Promise<Set<Key>> {
  if (keys.length === 0) return new Set();
  const { rows } = await sql.query<{ key: Key }>(
    `SELECT k AS key FROM banyan.resource AS r, unnest($2::text[]) AS t (k)
     WHERE r.name = $1 AND (r.mode <> ALL($3::text[]) OR EXISTS (
       SELECT 1 FROM banyan.moved AS m
       WHERE m.resource = r.name AND m.generation = r.generation AND m.key = k AND m.deleted))`,
    [resource, keys, PARTIAL_MODES],
  );
  return new Set(rows.map(({ key }) => key));
}

/** The generation of a resource of which each side holds records that the other lacks; null: it is in another mode. */
export async function partialGeneration(sql: Sql, resource: ResourceName): Promise<number | null> {
  const { rows } = await sql.query<{ generation: string }>(
    'SELECT generation::text FROM banyan.resource WHERE name = $1 AND mode = ANY($2::text[])',
    [resource, PARTIAL_MODES],
  );
  return rows[0] ? Number(rows[0].generation) : null;
}

/** How far the mover is, in one snapshot with whatever else is read in the transaction. */
export interface Checkpoint {
  /** Every key of legacy was looked at. */
  done: boolean;
  /** All keys of legacy up to this one are new's, but for `refused`; null: none yet. */
  lastKey: Key | null;
  /** Keys beyond it that new has taken over all the same: they were changed or deleted before the mover came. */
  ahead: Key[];
  /** Keys up to it that new refused: they are legacy's still. */
  refused: Key[];
}

export async function readCheckpoint(sql: Sql, { resource, generation }: Generation): Promise<Checkpoint> {
  const of = [resource, generation];
  const { rows: jobs } = await sql.query<{ status: string; lastKey: Key | null }>(
    'SELECT status, last_key AS "lastKey" FROM banyan.backfill WHERE resource = $1 AND generation = $2::int',
    of,
  );
  const done = jobs[0]?.status === 'done';
  const { rows: ahead } = done
    ? { rows: [] }
    : await sql.query<{ key: Key }>(
        'SELECT key FROM banyan.moved WHERE resource = $1 AND generation = $2::int AND NOT passed',
        of,
      );
  const { rows: refused } = await sql.query<{ key: Key }>(
    `SELECT key FROM banyan.failure AS f WHERE resource = $1 AND target = 'new' AND NOT EXISTS (
       SELECT 1 FROM banyan.moved AS m WHERE m.resource = $1 AND m.generation = $2::int AND m.key = f.key)`,
    of,
  );
  return {
    done,
    lastKey: jobs[0]?.lastKey ?? null,
    ahead: ahead.map(({ key }) => key),
    refused: refused.map(({ key }) => key),
  };
}

/** How many keys of legacy new is known to have taken over, tombstones of its own records not counted. */
export async function countPassed(sql: Sql, { resource, generation }: Generation): Promise<number> {
  const { rows } = await sql.query<{ n: string }>(
    'SELECT count(*)::text AS n FROM banyan.moved WHERE resource = $1 AND generation = $2::int AND passed',
    [resource, generation],
  );
  return Number(rows[0]?.n);
}

/**
 * Removes some rows of earlier generations; answers how many there were. Never those of a later one: whoever believes in
 * this generation may have been overtaken, and what was moved and deleted since counts.
 */
export async function dropVoid(
  sql: Sql,
  { resource, generation }: Generation,
  limit: number,
): Promise<number> {
  const { rowCount } = await sql.query(
    `DELETE FROM banyan.moved WHERE ctid IN (
       SELECT ctid FROM banyan.moved WHERE resource = $1 AND generation < $2::int LIMIT $3::int)`,
    [resource, generation, limit],
  );
  return rowCount;
}

import { BanyanError } from '../domain/errors.ts';
import type { Sql } from '../domain/sql.ts';
import type { Key, ResourceName } from '../domain/words.ts';
import { shareGate } from './gate.ts';

/** One row of the journal: this key's secondary may be behind. */
export interface Mark {
  id: string;
  key: Key;
}

export interface MarkRequest {
  resource: ResourceName;
  /** Null where only the legacy store can draw the key (D1). */
  keys: readonly (Key | null)[];
  replica: string;
  /** Milliseconds until nobody waits for the writer any more: T (A1). */
  deadline: number;
}

/**
 * Marks a write to a legacy primary, committed before the request is sent (R1). In the same statement it makes sure that
 * the resource takes writes there (R8): FOR SHARE waits for a step that is being committed and then sees it.
 * Throws `switching` when it does not; the caller reads the new state and decides again.
 */
export async function markLegacyWrite(sql: Sql, request: MarkRequest): Promise<string[]> {
  const { rows } = await sql.query<{ id: string }>(
    `WITH gate AS MATERIALIZED (SELECT ${shareGate('$1')}),
     here AS MATERIALIZED (
       SELECT 1 FROM gate, banyan.resource
       WHERE name = $1 AND stage IN ('open', 'enter') AND "primary" = 'legacy' FOR SHARE OF resource)
     INSERT INTO banyan.mark (resource, key, replica, deadline, cause)
     SELECT $1, k, $3, clock_timestamp() + $4::float8 * interval '1 ms', 'write' FROM here, unnest($2::text[]) AS t (k)
     RETURNING id`,
    [request.resource, request.keys, request.replica, request.deadline],
  );
  if (rows.length !== request.keys.length) {
    throw new BanyanError('switching', `${request.resource} does not take writes on the legacy side now`);
  }
  return rows.map((row) => row.id);
}

/**
 * Marks keys whose sides differ, so that a sync brings them together (repair). Finished at once: no write is under way.
 * Only while the resource is open: a drain counts on marks getting fewer (R12). Answers how many were made.
 */
export async function markForRepair(sql: Sql, resource: ResourceName, keys: readonly Key[]): Promise<number> {
  const { rowCount } = await sql.query(
    `WITH here AS MATERIALIZED (SELECT 1 FROM banyan.resource WHERE name = $1 AND stage = 'open' FOR SHARE)
     INSERT INTO banyan.mark (resource, key, deadline, cause)
     SELECT $1, k, '-infinity', 'repair' FROM here, unnest($2::text[]) AS t (k)`,
    [resource, keys],
  );
  return rowCount;
}

/** M2: marks keys whose tombstones are made in the same transaction, as the triggers mark what is deleted in new. */
export async function markDeleted(sql: Sql, resource: ResourceName, keys: readonly Key[]): Promise<void> {
  await sql.query(
    `INSERT INTO banyan.mark (resource, key, deadline, cause)
     SELECT $1, k, '-infinity', 'moved' FROM unnest($2::text[]) AS t (k)`,
    [resource, keys],
  );
}

/** D1: the writer has learnt which key its write made; the mark gets it, by a new row (marks are never updated). */
export async function nameMark(sql: Sql, resource: ResourceName, id: string, key: Key): Promise<string> {
  const { rows } = await sql.query<{ id: string }>(
    `WITH gone AS (DELETE FROM banyan.mark WHERE id = $2 RETURNING replica, deadline)
     INSERT INTO banyan.mark (resource, key, replica, deadline, cause)
     SELECT $1, $3, replica, deadline, 'write' FROM gone RETURNING id`,
    [resource, id, key],
  );
  return rows[0]?.id ?? id;
}

/** The same for many marks and their keys, in one statement; the new marks' numbers by key. */
export async function nameMarks(
  sql: Sql,
  resource: ResourceName,
  named: readonly { id: string; key: Key }[],
): Promise<Mark[]> {
  const { rows } = await sql.query<Mark>(
    `WITH named AS (SELECT * FROM unnest($2::bigint[], $3::text[]) AS t (id, key)),
     gone AS (DELETE FROM banyan.mark AS m USING named WHERE m.id = named.id
              RETURNING named.key AS key, m.replica, m.deadline)
     INSERT INTO banyan.mark (resource, key, replica, deadline, cause)
     SELECT $1, key, replica, deadline, 'write' FROM gone RETURNING id, key`,
    [resource, named.map(({ id }) => id), named.map(({ key }) => key)],
  );
  return rows;
}

/**
 * R3, step 2: the marks that a sync of these keys may clear when it is through: finished ones (deadline passed, or
 * finished at once) and those that the caller knows to be answered because it wrote them itself.
 */
export async function clearableMarks(
  sql: Sql,
  resource: ResourceName,
  keys: readonly Key[],
  own: readonly string[],
): Promise<Mark[]> {
  const { rows } = await sql.query<Mark>(
    `SELECT id, key FROM banyan.mark
     WHERE resource = $1 AND key = ANY($2::text[]) AND (deadline <= clock_timestamp() OR id = ANY($3::bigint[]))`,
    [resource, keys, own],
  );
  return rows;
}

/** R3, step 5: deletes exactly these marks. */
export async function deleteMarks(sql: Sql, ids: readonly string[]): Promise<void> {
  if (ids.length > 0) await sql.query('DELETE FROM banyan.mark WHERE id = ANY($1::bigint[])', [ids]);
}

/** Keys with a mark that anybody may work off now, oldest first, without those that back off or are leased out. */
export async function dueKeys(sql: Sql, resource: ResourceName, limit: number): Promise<Key[]> {
  const { rows } = await sql.query<{ key: Key }>(
    `SELECT key FROM banyan.mark AS m
     WHERE resource = $1 AND key IS NOT NULL AND deadline <= clock_timestamp()
       AND NOT EXISTS (SELECT 1 FROM banyan.failure AS f
                       WHERE f.resource = m.resource AND f.key = m.key AND f.dead_at IS NULL AND f.retry_at > clock_timestamp())
       AND NOT EXISTS (SELECT 1 FROM banyan.lease AS l
                       WHERE l.resource = m.resource AND l.key = m.key AND l.until > clock_timestamp())
     GROUP BY key ORDER BY min(id) LIMIT $2`,
    [resource, limit],
  );
  return rows.map((row) => row.key);
}

/** D1: marks without a key whose writer is past its deadline; what they wrote has to be looked for. */
export async function orphanedMarks(sql: Sql, resource: ResourceName): Promise<string[]> {
  const { rows } = await sql.query<{ id: string }>(
    'SELECT id FROM banyan.mark WHERE resource = $1 AND key IS NULL AND deadline <= clock_timestamp()',
    [resource],
  );
  return rows.map((row) => row.id);
}

/** R5: which of these keys are dirty: they have any mark. There is no other sign of it, and no trace after the last. */
export async function markedKeys(sql: Sql, resource: ResourceName, keys: readonly Key[]): Promise<Set<Key>> {
  const { rows } = await sql.query<{ key: Key }>(
    'SELECT DISTINCT key FROM banyan.mark WHERE resource = $1 AND key = ANY($2::text[])',
    [resource, keys],
  );
  return new Set(rows.map((row) => row.key));
}

/** How much of the journal is left: all marks, pending ones among them, and the age of the oldest in milliseconds. */
export interface Backlog {
  marks: number;
  pending: number;
  leases: number;
  /**
   * Keys that are refused and tried again. One without a mark is synced: whoever synced it stopped before it could clear
   * the failure.
   */
  failing: number;
  /** Keys that are refused for good: dead letters. */
  dead: number;
  /** Null when there is no mark. */
  oldest: number | null;
}

export async function backlog(sql: Sql, resource: ResourceName): Promise<Backlog> {
  const { rows } = await sql.query<Record<string, string | null>>(
    `SELECT count(*) AS marks, count(*) FILTER (WHERE deadline > clock_timestamp()) AS pending,
            extract(epoch FROM clock_timestamp() - min(created_at)) * 1000 AS oldest,
            (SELECT count(*) FROM banyan.lease WHERE resource = $1) AS leases,
            (SELECT count(*) FROM banyan.failure AS f WHERE resource = $1 AND dead_at IS NULL AND EXISTS (
               SELECT 1 FROM banyan.mark AS m WHERE m.resource = f.resource AND m.key = f.key)) AS failing,
            (SELECT count(*) FROM banyan.failure WHERE resource = $1 AND dead_at IS NOT NULL) AS dead
     FROM banyan.mark WHERE resource = $1`,
    [resource],
  );
  const row = rows[0] ?? {};
  return {
    marks: Number(row.marks),
    pending: Number(row.pending),
    leases: Number(row.leases),
    failing: Number(row.failing),
    dead: Number(row.dead),
    oldest: row.oldest == null ? null : Number(row.oldest),
  };
}

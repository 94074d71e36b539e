import type { Sql } from '../domain/sql.ts';
import type { Key, ResourceName, Side } from '../domain/words.ts';

/** How often, and after which pauses, a record that the other side refuses is tried again; milliseconds. */
export interface RetryPolicy {
  /** After so many attempts it is a dead letter. */
  attempts: number;
  /** Pause after the first attempt; doubled after each further one. */
  backoff: number;
  longest: number;
}

/** A record that the other side refuses. */
export interface Failure {
  key: Key;
  attempts: number;
  code: string;
  /** In words. */
  reason: string;
  firstAt: string;
  lastAt: string;
  /** When it is tried again; null: it is a dead letter. */
  retryAt: string | null;
  /** Since when it is a dead letter; null: it backs off. */
  deadAt: string | null;
  /** The side that refuses it. */
  target: Side;
  source: 'sync' | 'backfill';
}

/** One more refusal of a key. */
export interface Refusal {
  resource: ResourceName;
  key: Key;
  code: string;
  reason: string;
  target: Side;
  source: Failure['source'];
  /** The record as JSON; null where the target was to delete it. */
  record: string | null;
  /** Marks that were chosen before the record was read: they go when it becomes a dead letter. */
  marks: readonly string[];
}

const FACTOR = 2;

/** What becomes of a refused key: it is tried again after so many milliseconds, or is a dead letter. */
export type Fate = { retryIn: number } | { dead: true };

/** Counts one more refusal of a key; makes it a dead letter, and its marks go, where the policy's attempts are used up. */
export async function recordFailure(sql: Sql, refusal: Refusal, policy: RetryPolicy): Promise<Fate> {
  const { rows } = await sql.query<{ rest: string; dead: boolean }>(
    `WITH noted AS (
       INSERT INTO banyan.failure AS f (resource, key, code, reason, target, source, record, retry_at, dead_at)
       VALUES ($1, $2, $3, $4, $5, $6, $7, clock_timestamp() + $8::float8 * interval '1 ms',
               CASE WHEN $11::int <= 1 THEN clock_timestamp() END)
       ON CONFLICT (resource, key) DO UPDATE SET
         -- Refused by the other side now: counted anew.
         attempts = CASE WHEN f.target = $5 THEN f.attempts + 1 ELSE 1 END,
         last_at = clock_timestamp(), code = $3, reason = $4, target = $5, source = $6, record = $7,
         retry_at = clock_timestamp() + least($8::float8 * $9::float8 ^ least(f.attempts, 20), $10::float8) * interval '1 ms',
         dead_at = CASE WHEN CASE WHEN f.target = $5 THEN f.attempts + 1 ELSE 1 END >= $11::int
                        THEN coalesce(f.dead_at, clock_timestamp()) END
       RETURNING dead_at IS NOT NULL AS dead, extract(epoch FROM retry_at - clock_timestamp()) * 1000 AS rest),
     gone AS (DELETE FROM banyan.mark WHERE id = ANY($12::bigint[]) AND EXISTS (SELECT 1 FROM noted WHERE dead))
     SELECT dead, rest::text AS rest FROM noted`,
    [
      refusal.resource,
      refusal.key,
      refusal.code,
      refusal.reason,
      refusal.target,
      refusal.source,
      refusal.record,
      policy.backoff,
      FACTOR,
      policy.longest,
      policy.attempts,
      refusal.marks,
    ],
  );
  const [row] = rows;
  return row?.dead ? { dead: true } : { retryIn: Math.max(0, Number(row?.rest ?? policy.backoff)) };
}

/** A dead letter at once, for records that nobody tries again by himself. */
export async function setAside(
  sql: Sql,
  entry: { resource: ResourceName; key: Key; code: string; reason: string; record: string | null },
): Promise<void> {
  const once = { attempts: 1, backoff: 0, longest: 0 };
  await recordFailure(sql, { ...entry, target: 'new', source: 'backfill', marks: [] }, once);
}

export async function clearFailures(sql: Sql, resource: ResourceName, keys: readonly Key[]): Promise<void> {
  await sql.query('DELETE FROM banyan.failure WHERE resource = $1 AND key = ANY($2::text[])', [
    resource,
    keys,
  ]);
}

/** Before everything is copied anew: what the new side still refuses is met again. */
export async function clearDeadLetters(sql: Sql, resource: ResourceName, target: Side): Promise<void> {
  await sql.query('DELETE FROM banyan.failure WHERE resource = $1 AND target = $2 AND dead_at IS NOT NULL', [
    resource,
    target,
  ]);
}

const COLUMNS = `key, attempts::text AS attempts, code, reason, target, source,
  to_json(first_at)#>>'{}' AS "firstAt", to_json(last_at)#>>'{}' AS "lastAt", to_json(dead_at)#>>'{}' AS "deadAt",
  CASE WHEN dead_at IS NULL THEN to_json(retry_at)#>>'{}' END AS "retryAt"`;

/** Without those that back off and have no mark any more: they are synced, by a process that stopped before it said so. */
const ALIVE = `(dead_at IS NOT NULL
  OR EXISTS (SELECT 1 FROM banyan.mark AS m WHERE m.resource = f.resource AND m.key = f.key))`;

const toFailure = (row: Record<string, unknown>) => ({ ...row, attempts: Number(row.attempts) }) as Failure;

/** Refused records in key order, beyond `after`. */
export async function listFailures(
  sql: Sql,
  resource: ResourceName,
  { limit, after = null, dead = null }: { limit: number; after?: Key | null; dead?: boolean | null },
): Promise<Failure[]> {
  const { rows } = await sql.query(
    `SELECT ${COLUMNS} FROM banyan.failure AS f
     WHERE resource = $1 AND ${ALIVE} AND ($3::text IS NULL OR key > $3) AND ($4::boolean IS NULL OR (dead_at IS NOT NULL) = $4)
     ORDER BY key LIMIT $2::int`,
    [resource, limit, after, dead],
  );
  return rows.map(toFailure);
}

/** One refused record with what it was; null where the key is not refused. */
export async function readFailure(
  sql: Sql,
  resource: ResourceName,
  key: Key,
): Promise<(Failure & { record: string | null }) | null> {
  const { rows } = await sql.query(
    `SELECT ${COLUMNS}, record FROM banyan.failure AS f WHERE resource = $1 AND key = $2 AND ${ALIVE}`,
    [resource, key],
  );
  return rows[0] ? (toFailure(rows[0]) as Failure & { record: string | null }) : null;
}

/** Refused records of a resource: those that are tried again by themselves, dead letters, and these by their code. */
export interface FailureCounts {
  backingOff: number;
  dead: number;
  byCode: Record<string, number>;
}

/** `target`: only of what this side refuses. */
export async function countFailures(
  sql: Sql,
  resource: ResourceName,
  target: Side | null = null,
): Promise<FailureCounts> {
  const { rows } = await sql.query<{ code: string; dead: boolean; n: string }>(
    `SELECT code, dead_at IS NOT NULL AS dead, count(*)::text AS n FROM banyan.failure AS f
     WHERE resource = $1 AND ($2::text IS NULL OR target = $2) AND ${ALIVE} GROUP BY 1, 2 ORDER BY 1`,
    [resource, target],
  );
  const counts: FailureCounts = { backingOff: 0, dead: 0, byCode: {} };
  for (const { code, dead, n } of rows) {
    counts[dead ? 'dead' : 'backingOff'] += Number(n);
    if (dead) counts.byCode[code] = Number(n);
  }
  return counts;
}

/**
 * Makes dead letters be tried again: they count from the beginning. Only those that `target` refuses; the caller marks
 * their keys. Null for `keys`: all of them. Answers the keys.
 */
export async function reviveDeadLetters(
  sql: Sql,
  resource: ResourceName,
  keys: readonly Key[] | null,
  target: Side,
): Promise<Key[]> {
  const { rows } = await sql.query<{ key: Key }>(
    `UPDATE banyan.failure SET dead_at = NULL, attempts = 0, retry_at = clock_timestamp()
     WHERE resource = $1 AND ($2::text[] IS NULL OR key = ANY($2::text[])) AND target = $3 AND dead_at IS NOT NULL
     RETURNING key`,
    [resource, keys, target],
  );
  return rows.map(({ key }) => key);
}

/** Forgets dead letters; null for `keys`: all of them. Answers the keys. */
export async function discardDeadLetters(
  sql: Sql,
  resource: ResourceName,
  keys: readonly Key[] | null,
): Promise<Key[]> {
  const { rows } = await sql.query<{ key: Key }>(
    `DELETE FROM banyan.failure
     WHERE resource = $1 AND ($2::text[] IS NULL OR key = ANY($2::text[])) AND dead_at IS NOT NULL RETURNING key`,
    [resource, keys],
  );
  return rows.map(({ key }) => key);
}

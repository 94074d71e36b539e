import type { Sql } from '../domain/sql.ts';
import type { Key, ResourceName } from '../domain/words.ts';

/** How a key that fails for a reason of its own backs off: doubled at each attempt, up to the longest. */
export const BACKOFF = { first: 500, factor: 2, longest: 60_000 } as const;

export interface Failure {
  key: Key;
  attempts: number;
  code: string;
  reason: string;
  retryAt: string;
}

/** Counts one more failure of a key; answers after how many milliseconds it is tried again. */
export async function recordFailure(
  sql: Sql,
  resource: ResourceName,
  key: Key,
  error: { code: string; message: string },
): Promise<number> {
  const { rows } = await sql.query<{ rest: string }>(
    `INSERT INTO banyan.failure AS f (resource, key, code, reason, retry_at)
     VALUES ($1, $2, $3, $4, clock_timestamp() + $5::float8 * interval '1 ms')
     ON CONFLICT (resource, key) DO UPDATE SET attempts = f.attempts + 1, last_at = now(), code = $3, reason = $4,
       retry_at = clock_timestamp() + least($5::float8 * $6::float8 ^ least(f.attempts, 20), $7::float8) * interval '1 ms'
     RETURNING (extract(epoch FROM retry_at - clock_timestamp()) * 1000)::text AS rest`,
    [resource, key, error.code, error.message, BACKOFF.first, BACKOFF.factor, BACKOFF.longest],
  );
  return Math.max(0, Number(rows[0]?.rest ?? BACKOFF.first));
}

export async function clearFailures(sql: Sql, resource: ResourceName, keys: readonly Key[]): Promise<void> {
  await sql.query('DELETE FROM banyan.failure WHERE resource = $1 AND key = ANY($2::text[])', [
    resource,
    keys,
  ]);
}

/** Without those of keys that have no mark any more: they are synced. */
export async function listFailures(sql: Sql, resource: ResourceName, limit: number): Promise<Failure[]> {
  const { rows } = await sql.query<Failure & { attempts: string | number }>(
    `SELECT key, attempts::text, code, reason, retry_at::text AS "retryAt" FROM banyan.failure AS f
     WHERE resource = $1 AND EXISTS (SELECT 1 FROM banyan.mark AS m WHERE m.resource = f.resource AND m.key = f.key)
     ORDER BY last_at DESC LIMIT $2::int`,
    [resource, limit],
  );
  return rows.map((row) => ({ ...row, attempts: Number(row.attempts) }));
}

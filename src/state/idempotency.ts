import type { Sql } from '../domain/sql.ts';
import type { Key, ResourceName } from '../domain/words.ts';

/** What is known of a request with an Idempotency-Key. */
export interface Attempt {
  resource: ResourceName;
  token: string;
  /** SHA-256 of method, path and body: the same key must come with the same request. */
  requestHash: string;
  /** A number of this very attempt; another one may take over after `deadline`. */
  attempt: string;
  /** The id that the gateway gave a created record, kept so that a repeat is the same create. */
  assignedKey: Key | null;
  /** The stored answer, or null while none is known. */
  answer: { status: number; body: string } | null;
}

/** Days for which answers are kept. */
export const KEEP_DAYS = 7;

/**
 * Begins an attempt, or finds the one before. `mine` tells whether the caller may go on: it is the first, or the one
 * before has no answer and is past its deadline (its process stopped; nothing of it can land any more, A1).
 */
export async function beginAttempt(
  sql: Sql,
  first: Omit<Attempt, 'answer'>,
  deadline: number,
): Promise<{ attempt: Attempt; mine: boolean; repeated: boolean }> {
  const { rows } = await sql.query<Record<string, string | null>>(
    `INSERT INTO banyan.idempotency AS i (resource, token, request_hash, attempt, deadline, assigned_key)
     VALUES ($1, $2, $3, $4::uuid, clock_timestamp() + $5::float8 * interval '1 ms', $6)
     ON CONFLICT (resource, token) DO UPDATE SET attempt = excluded.attempt, deadline = excluded.deadline
       WHERE i.status IS NULL AND i.deadline <= clock_timestamp() AND i.request_hash = excluded.request_hash
     RETURNING assigned_key, (xmax <> 0)::text AS repeated`,
    [first.resource, first.token, first.requestHash, first.attempt, deadline, first.assignedKey],
  );
  const begun = rows[0];
  if (begun) {
    const attempt = { ...first, assignedKey: begun.assigned_key ?? null, answer: null };
    return { attempt, mine: true, repeated: begun.repeated === 'true' };
  }
  return { attempt: await readAttempt(sql, first), mine: false, repeated: true };
}

export async function readAttempt(sql: Sql, of: Omit<Attempt, 'answer'>): Promise<Attempt> {
  const { rows } = await sql.query<Record<string, string | null>>(
    `SELECT request_hash, attempt::text, assigned_key, status::text, body FROM banyan.idempotency
     WHERE resource = $1 AND token = $2`,
    [of.resource, of.token],
  );
  const row = rows[0];
  // Deleted between two statements: its first attempt ended with nothing done, so the caller asks again.
  if (!row) return { ...of, answer: null };
  return {
    resource: of.resource,
    token: of.token,
    requestHash: row.request_hash as string,
    attempt: row.attempt as string,
    assignedKey: row.assigned_key ?? null,
    answer: row.status == null ? null : { status: Number(row.status), body: row.body ?? '' },
  };
}

/** Keeps the answer; a repeat gets the very same one. */
export async function finishAttempt(
  sql: Sql,
  of: Attempt,
  answer: { status: number; body: string },
): Promise<void> {
  await sql.query(
    `UPDATE banyan.idempotency SET status = $4::int, body = $5 WHERE resource = $1 AND token = $2 AND attempt = $3::uuid`,
    [of.resource, of.token, of.attempt, answer.status, answer.body],
  );
}

/**
 * This attempt did nothing, but one before it has no answer: the next repeat may begin at once, and is still a repeat,
 * of the same create under the same id.
 */
export async function yieldAttempt(sql: Sql, of: Attempt): Promise<void> {
  await sql.query(
    `UPDATE banyan.idempotency SET deadline = '-infinity'
     WHERE resource = $1 AND token = $2 AND attempt = $3::uuid AND status IS NULL`,
    [of.resource, of.token, of.attempt],
  );
}

/** Nothing was done, ever: a repeat may be done anew at once. */
export async function abandonAttempt(sql: Sql, of: Attempt): Promise<void> {
  await sql.query(
    'DELETE FROM banyan.idempotency WHERE resource = $1 AND token = $2 AND attempt = $3::uuid AND status IS NULL',
    [of.resource, of.token, of.attempt],
  );
}

export async function forgetOldAttempts(sql: Sql): Promise<void> {
  await sql.query(`DELETE FROM banyan.idempotency WHERE created_at < now() - $1::int * interval '1 day'`, [
    KEEP_DAYS,
  ]);
}

import type { Sql } from '../domain/sql.ts';
import type { Key, ResourceName } from '../domain/words.ts';
import { shareGate } from './gate.ts';

export interface LeaseRequest {
  resource: ResourceName;
  keys: readonly Key[];
  /** A number of this one sync, so that two syncs of one process are strangers. */
  holder: string;
  /** T in milliseconds: a request of the holder lands within it or never (A1). */
  duration: number;
}

/**
 * R7a: takes the keys that nobody holds, committed before any request is sent. Answers those it got; the others are
 * being written by somebody who may still land. None is given once legacy is the primary or about to be read as such:
 * a syncer with an old view would write over it (R12). Keys are taken in ascending order against deadlocks.
 */
export async function takeLeases(
  sql: Sql,
  { resource, keys, holder, duration }: LeaseRequest,
): Promise<Key[]> {
  const { rows } = await sql.query<{ key: Key }>(
    `WITH gate AS MATERIALIZED (SELECT ${shareGate('$1')}),
     here AS MATERIALIZED (
       SELECT 1 FROM gate, banyan.resource
       WHERE name = $1 AND "primary" = 'new' AND stage IN ('open', 'drain') FOR SHARE OF resource)
     INSERT INTO banyan.lease (resource, key, holder, until)
     SELECT $1, k, $3::uuid, clock_timestamp() + $4::float8 * interval '1 ms'
     FROM here, (SELECT DISTINCT k FROM unnest($2::text[]) AS t (k) ORDER BY k) AS wanted
     ON CONFLICT (resource, key) DO UPDATE SET holder = excluded.holder, until = excluded.until
       WHERE banyan.lease.until <= clock_timestamp()
     RETURNING key`,
    [resource, keys, holder, duration],
  );
  return rows.map((row) => row.key);
}

/**
 * R7a, after a definite answer: drops the holder's leases and deletes exactly the chosen marks of the keys that were
 * still its own. One statement, one transaction.
 */
export async function settleLeases(
  sql: Sql,
  { resource, keys, holder }: Omit<LeaseRequest, 'duration'>,
  marks: readonly string[],
): Promise<Key[]> {
  const { rows } = await sql.query<{ key: Key }>(
    `WITH mine AS (
       DELETE FROM banyan.lease WHERE resource = $1 AND key = ANY($2::text[]) AND holder = $3::uuid RETURNING key),
     cleared AS (
       DELETE FROM banyan.mark USING mine WHERE mark.resource = $1 AND mark.key = mine.key AND mark.id = ANY($4::bigint[]))
     SELECT key FROM mine`,
    [resource, keys, holder, marks],
  );
  return rows.map((row) => row.key);
}

/** Leases whose time is over and whose key has no mark any more: left by a crash after everything was done. */
export async function dropExpiredLeases(sql: Sql, resource: ResourceName): Promise<void> {
  await sql.query(
    `DELETE FROM banyan.lease AS l WHERE resource = $1 AND until <= clock_timestamp()
       AND NOT EXISTS (SELECT 1 FROM banyan.mark AS m WHERE m.resource = l.resource AND m.key = l.key)`,
    [resource],
  );
}

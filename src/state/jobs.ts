import type { Sql } from '../domain/sql.ts';
import type { Key, ResourceName } from '../domain/words.ts';

/** How long a job belongs to a process that has stopped saying that it is there; milliseconds. */
export const JOB_HOLD = 5_000;

/** Where the backfill of one generation stands. */
export interface BackfillProgress {
  resource: ResourceName;
  generation: number;
  status: 'running' | 'done';
  /** All keys up to this one are done; null: none yet. */
  lastKey: Key | null;
  visited: number;
  /** Exact number of keys to visit, counted at the start. */
  total: number;
  setAside: number;
  /** The process that works on it, or null when nobody does now. */
  holder: string | null;
  note: string | null;
  startedAt: string;
  updatedAt: string;
  finishedAt: string | null;
}

const BACKFILL = `resource, generation::text, status, last_key AS "lastKey", visited::text, total::text,
  set_aside::text AS "setAside", note, started_at::text AS "startedAt", updated_at::text AS "updatedAt", finished_at::text AS "finishedAt",
  CASE WHEN holder_until > clock_timestamp() THEN holder::text END AS holder`;

function numbers<T>(row: Record<string, unknown>, names: readonly string[]): T {
  return Object.fromEntries(
    Object.entries(row).map(([name, value]) => [name, names.includes(name) ? Number(value) : value]),
  ) as T;
}

const toBackfill = (row: Record<string, unknown>) =>
  numbers<BackfillProgress>(row, ['generation', 'visited', 'total', 'setAside']);

/**
 * Takes the backfill of a generation for a process, making it where there is none. Null: somebody else works on it.
 * `again` begins anew one that is done.
 */
export async function takeBackfill(
  sql: Sql,
  {
    resource,
    generation,
    holder,
    again,
  }: { resource: ResourceName; generation: number; holder: string; again: boolean },
): Promise<BackfillProgress | null> {
  const { rows } = await sql.query(
    `INSERT INTO banyan.backfill AS b (resource, generation, holder, holder_until)
     VALUES ($1, $2::int, $3::uuid, clock_timestamp() + $4::float8 * interval '1 ms')
     ON CONFLICT (resource, generation) DO UPDATE SET holder = $3::uuid, holder_until = excluded.holder_until, note = NULL,
       status = 'running',
       last_key = CASE WHEN b.status = 'done' THEN NULL ELSE b.last_key END,
       visited = CASE WHEN b.status = 'done' THEN 0 ELSE b.visited END,
       set_aside = CASE WHEN b.status = 'done' THEN 0 ELSE b.set_aside END,
       started_at = CASE WHEN b.status = 'done' THEN now() ELSE b.started_at END, finished_at = NULL
     WHERE (b.holder_until <= clock_timestamp() OR b.holder = $3::uuid) AND (b.status = 'running' OR $5::boolean)
     RETURNING ${BACKFILL}`,
    [resource, generation, holder, JOB_HOLD, again],
  );
  return rows[0] ? toBackfill(rows[0]) : null;
}

/** Saves a checkpoint and keeps the job. False: it was taken over, stop. */
export async function saveBackfill(
  sql: Sql,
  holder: string,
  progress: Pick<BackfillProgress, 'resource' | 'generation' | 'lastKey' | 'visited' | 'total' | 'setAside'>,
): Promise<boolean> {
  const { rowCount } = await sql.query(
    `UPDATE banyan.backfill SET last_key = $4, visited = $5::bigint, total = $6::bigint, set_aside = $7::bigint, updated_at = now(),
       holder_until = clock_timestamp() + $8::float8 * interval '1 ms'
     WHERE resource = $1 AND generation = $2::int AND holder = $3::uuid AND status = 'running'`,
    [
      progress.resource,
      progress.generation,
      holder,
      progress.lastKey,
      progress.visited,
      progress.total,
      progress.setAside,
      JOB_HOLD,
    ],
  );
  return rowCount > 0;
}

export async function finishBackfill(
  sql: Sql,
  holder: string,
  resource: ResourceName,
  generation: number,
): Promise<void> {
  await sql.query(
    `UPDATE banyan.backfill SET status = 'done', finished_at = clock_timestamp(), updated_at = now(), holder_until = '-infinity'
     WHERE resource = $1 AND generation = $2::int AND holder = $3::uuid`,
    [resource, generation, holder],
  );
}

/** Lets go of the job; the next process goes on from the checkpoint. */
export async function releaseBackfill(
  sql: Sql,
  holder: string,
  { resource, generation, note }: { resource: ResourceName; generation: number; note: string | null },
): Promise<void> {
  await sql.query(
    `UPDATE banyan.backfill SET holder_until = '-infinity', note = $4
     WHERE resource = $1 AND generation = $2::int AND holder = $3::uuid AND status = 'running'`,
    [resource, generation, holder, note],
  );
}

export async function readBackfill(
  sql: Sql,
  resource: ResourceName,
  generation: number,
): Promise<BackfillProgress | null> {
  const { rows } = await sql.query(
    `SELECT ${BACKFILL} FROM banyan.backfill WHERE resource = $1 AND generation = $2::int`,
    [resource, generation],
  );
  return rows[0] ? toBackfill(rows[0]) : null;
}

/** One comparison of everything. */
export interface VerifyRun {
  id: string;
  resource: ResourceName;
  generation: number;
  status: 'running' | 'done' | 'abandoned';
  legacyRows: number;
  newRows: number;
  total: number;
  differences: number;
  /** Keys that never came to rest long enough for a verdict. */
  unsettled: number;
  note: string | null;
  startedAt: string;
  finishedAt: string | null;
}

const RUN = `id::text, resource, generation::text, status, legacy_rows::text AS "legacyRows", new_rows::text AS "newRows",
  total::text, differences::text, unsettled::text, note,
  to_char(started_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS "startedAt",
  to_char(finished_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS "finishedAt"`;

const toRun = (row: Record<string, unknown>) =>
  numbers<VerifyRun>(row, ['generation', 'legacyRows', 'newRows', 'total', 'differences', 'unsettled']);

/** Begins a verify; null while another process runs one of this resource. A run whose process died is abandoned. */
export async function beginVerify(
  sql: Sql,
  { resource, generation, holder }: { resource: ResourceName; generation: number; holder: string },
): Promise<VerifyRun | null> {
  await sql.query(
    `UPDATE banyan.verify_run SET status = 'abandoned', note = 'its process stopped' WHERE resource = $1 AND status = 'running'
       AND holder_until <= clock_timestamp()`,
    [resource],
  );
  const { rows } = await sql.query(
    `INSERT INTO banyan.verify_run (resource, generation, holder, holder_until)
     SELECT $1, $2::int, $3::uuid, clock_timestamp() + $4::float8 * interval '1 ms'
     WHERE NOT EXISTS (SELECT 1 FROM banyan.verify_run WHERE resource = $1 AND status = 'running')
     RETURNING ${RUN}`,
    [resource, generation, holder, JOB_HOLD],
  );
  return rows[0] ? toRun(rows[0]) : null;
}

export async function saveVerify(sql: Sql, run: VerifyRun): Promise<void> {
  await sql.query(
    `UPDATE banyan.verify_run SET status = $2, total = $3::bigint, legacy_rows = $4::bigint, new_rows = $5::bigint,
       differences = $6::bigint, unsettled = $7::bigint, note = $8, updated_at = now(),
       holder_until = clock_timestamp() + $9::float8 * interval '1 ms',
       finished_at = CASE WHEN $2 = 'done' THEN clock_timestamp() END
     WHERE id = $1::bigint`,
    [
      run.id,
      run.status,
      run.total,
      run.legacyRows,
      run.newRows,
      run.differences,
      run.unsettled,
      run.note,
      JOB_HOLD,
    ],
  );
}

/** The newest run that is finished, or under way in a process that is there. */
export async function lastVerify(sql: Sql, resource: ResourceName): Promise<VerifyRun | null> {
  const { rows } = await sql.query(
    `SELECT ${RUN} FROM banyan.verify_run WHERE resource = $1
       AND (status = 'done' OR (status = 'running' AND holder_until > clock_timestamp())) ORDER BY banyan.verify_run.id DESC LIMIT 1`,
    [resource],
  );
  return rows[0] ? toRun(rows[0]) : null;
}

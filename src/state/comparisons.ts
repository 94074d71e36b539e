import type { Sql } from '../domain/sql.ts';
import type { Mode, ResourceName } from '../domain/words.ts';

/** Reads compared off the client's path. `noVerdict`: the key was in motion (R30); `dropped`: the queue was full. */
export interface Comparisons {
  compared: number;
  differed: number;
  noVerdict: number;
  dropped: number;
}

export const NO_COMPARISONS: Comparisons = { compared: 0, differed: 0, noVerdict: 0, dropped: 0 };

/** Adds to the counts of a resource's generation and mode. */
export async function addComparisons(
  sql: Sql,
  of: { resource: ResourceName; generation: number; mode: Mode },
  counts: Comparisons,
): Promise<void> {
  await sql.query(
    `INSERT INTO banyan.comparison AS c (resource, generation, mode, compared, differed, no_verdict, dropped)
     VALUES ($1, $2::int, $3, $4::bigint, $5::bigint, $6::bigint, $7::bigint)
     ON CONFLICT (resource, generation, mode) DO UPDATE SET compared = c.compared + $4::bigint, differed = c.differed + $5::bigint,
       no_verdict = c.no_verdict + $6::bigint, dropped = c.dropped + $7::bigint`,
    [of.resource, of.generation, of.mode, counts.compared, counts.differed, counts.noVerdict, counts.dropped],
  );
}

export async function readComparisons(
  sql: Sql,
  of: { resource: ResourceName; generation: number; mode: Mode },
): Promise<Comparisons> {
  const { rows } = await sql.query<Record<string, string>>(
    `SELECT compared::text, differed::text, no_verdict::text, dropped::text FROM banyan.comparison
     WHERE resource = $1 AND generation = $2::int AND mode = $3`,
    [of.resource, of.generation, of.mode],
  );
  const row = rows[0];
  if (!row) return NO_COMPARISONS;
  return {
    compared: Number(row.compared),
    differed: Number(row.differed),
    noVerdict: Number(row.no_verdict),
    dropped: Number(row.dropped),
  };
}

/** Begins to count anew: an entry into `shadow`, or a repair of what differed. */
export async function resetComparisons(sql: Sql, resource: ResourceName): Promise<void> {
  await sql.query('DELETE FROM banyan.comparison WHERE resource = $1', [resource]);
}

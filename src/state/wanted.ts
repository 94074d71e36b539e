import type { Sql } from '../domain/sql.ts';
import type { Mode, ResourceName } from '../domain/words.ts';

/** What was asked for last, and why it is not so yet. */
export interface Wanted {
  resource: ResourceName;
  mode: Mode;
  source: 'file' | 'command';
  actor: string;
  at: string;
  /** The guards that refused it the last time, in words; null: nothing did. */
  refusal: string | null;
}

/** Whoever asked last wins. */
export async function askFor(
  sql: Sql,
  request: { resource: ResourceName; mode: Mode; source: Wanted['source']; actor: string },
): Promise<void> {
  await sql.query(
    `INSERT INTO banyan.wanted (resource, mode, source, actor) VALUES ($1, $2, $3, $4)
     ON CONFLICT (resource) DO UPDATE SET mode = $2, source = $3, actor = $4, at = now(), refusal = NULL`,
    [request.resource, request.mode, request.source, request.actor],
  );
}

export async function noteRefusal(sql: Sql, wanted: Wanted, refusal: string | null): Promise<void> {
  await sql.query(
    `UPDATE banyan.wanted SET refusal = $3 WHERE resource = $1 AND mode = $2 AND refusal IS DISTINCT FROM $3`,
    [wanted.resource, wanted.mode, refusal],
  );
}

export async function readWanted(sql: Sql): Promise<Wanted[]> {
  const { rows } = await sql.query<Wanted>(
    'SELECT resource, mode, source, actor, at::text, refusal FROM banyan.wanted ORDER BY resource',
  );
  return rows;
}

import type { Sql } from '../domain/sql.ts';
import type { Key, ResourceName } from '../domain/words.ts';

export type DifferenceKind = 'missing-in-new' | 'missing-in-legacy' | 'different';

/** One key whose sides differ, with both values of the differing fields as JSON text. */
export interface Difference {
  key: Key;
  kind: DifferenceKind;
  fields: string[];
  legacy: string | null;
  new: string | null;
}

export interface LedgerEntry extends Difference {
  source: string;
  firstSeen: string;
  lastSeen: string;
  settledAt: string | null;
  settledBy: string | null;
}

export async function recordDifferences(
  sql: Sql,
  resource: ResourceName,
  differences: readonly Difference[],
  source: { name: 'verify' | 'shadow' | 'live'; runId: string | null },
): Promise<void> {
  for (const difference of differences) {
    await sql.query(
      `INSERT INTO banyan.ledger (resource, key, kind, fields, legacy, new, source, run_id)
       VALUES ($1, $2, $3, $4::text[], $5, $6, $7, $8::bigint)
       ON CONFLICT (resource, key) DO UPDATE SET kind = $3, fields = $4::text[], legacy = $5, new = $6, source = $7,
         run_id = $8::bigint, last_seen = now(), settled_at = NULL, settled_by = NULL`,
      [
        resource,
        difference.key,
        difference.kind,
        difference.fields,
        difference.legacy,
        difference.new,
        source.name,
        source.runId,
      ],
    );
  }
}

/**
 * Closes entries: these keys are equal again, or all that the run of this id has not seen (a complete verify). What a
 * read found while the run was under way stays open: the run may have passed that key before.
 */
export async function settle(
  sql: Sql,
  resource: ResourceName,
  settled: { keys: readonly Key[] } | { notSeenBy: string },
  by: string,
): Promise<void> {
  const keys = 'keys' in settled ? settled.keys : null;
  const run = 'notSeenBy' in settled ? settled.notSeenBy : null;
  await sql.query(
    `UPDATE banyan.ledger SET settled_at = now(), settled_by = $4 WHERE resource = $1 AND settled_at IS NULL
       AND (key = ANY($2::text[]) OR (run_id IS DISTINCT FROM $3::bigint
         AND last_seen < (SELECT started_at FROM banyan.verify_run WHERE id = $3::bigint)))`,
    [resource, keys, run, by],
  );
}

export async function openDifferences(
  sql: Sql,
  resource: ResourceName,
  limit: number,
): Promise<LedgerEntry[]> {
  const { rows } = await sql.query<Omit<LedgerEntry, 'fields'> & { fields: string }>(
    `SELECT key, kind, array_to_json(fields)::text AS fields, legacy, new, source, first_seen::text AS "firstSeen", last_seen::text AS "lastSeen",
       settled_at::text AS "settledAt", settled_by AS "settledBy"
     FROM banyan.ledger WHERE resource = $1 AND settled_at IS NULL ORDER BY key LIMIT $2::int`,
    [resource, limit],
  );
  return rows.map((row) => ({ ...row, fields: JSON.parse(row.fields) as string[] }));
}

/** Open differences by kind and field, e.g. `{ "different: revenue": 3 }`. */
export async function countByField(sql: Sql, resource: ResourceName): Promise<Record<string, number>> {
  const { rows } = await sql.query<{ what: string; n: string }>(
    `SELECT CASE WHEN f IS NULL THEN kind ELSE kind || ': ' || f END AS what, count(*)::text AS n
     FROM banyan.ledger LEFT JOIN LATERAL unnest(fields) AS u (f) ON true
     WHERE resource = $1 AND settled_at IS NULL GROUP BY 1 ORDER BY 1`,
    [resource],
  );
  return Object.fromEntries(rows.map((row) => [row.what, Number(row.n)]));
}

export async function countOpen(sql: Sql, resource: ResourceName): Promise<number> {
  const { rows } = await sql.query<{ n: string }>(
    'SELECT count(*)::text AS n FROM banyan.ledger WHERE resource = $1 AND settled_at IS NULL',
    [resource],
  );
  return Number(rows[0]?.n);
}

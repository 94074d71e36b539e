import type { Sql } from '../domain/sql.ts';
import type { Key, ResourceName } from '../domain/words.ts';

/** What can stand in the audit log. */
export type AuditAction =
  | 'switch-asked'
  | 'switch-refused'
  | 'switch-started'
  | 'switch-done'
  | 'switch-turned-round'
  | 'guard-forced'
  | 'backfill-started'
  | 'repair'
  | 'dead-letters-retried'
  | 'dead-letters-discarded'
  | 'retired'
  | 'replica-taken-off'
  | 'record-created'
  | 'record-changed'
  | 'record-removed';

export interface AuditEntry {
  id: string;
  at: string;
  actor: string;
  action: AuditAction;
  resource: ResourceName | null;
  details: Record<string, unknown>;
}

export async function writeAudit(
  sql: Sql,
  entry: {
    actor: string;
    action: AuditAction;
    resource: ResourceName | null;
    details?: Record<string, unknown>;
  },
): Promise<void> {
  await sql.query(
    'INSERT INTO banyan.audit (actor, action, resource, details) VALUES ($1, $2, $3, $4::jsonb)',
    [entry.actor, entry.action, entry.resource, JSON.stringify(entry.details ?? {})],
  );
}

/** The same done to each of some records. */
export async function writeRecordAudit(
  sql: Sql,
  entry: { actor: string; action: AuditAction; resource: ResourceName; keys: readonly Key[] },
): Promise<void> {
  await sql.query(
    `INSERT INTO banyan.audit (actor, action, resource, details)
     SELECT $1, $2, $3, jsonb_build_object('key', touched.key) FROM unnest($4::text[]) AS touched (key)`,
    [entry.actor, entry.action, entry.resource, entry.keys],
  );
}

/** Newest first. */
export async function readAudit(
  sql: Sql,
  resource: ResourceName | null,
  limit: number,
): Promise<AuditEntry[]> {
  const { rows } = await sql.query<Omit<AuditEntry, 'details'> & { details: string }>(
    `SELECT id::text, at::text, actor, action, resource, details::text FROM banyan.audit
     WHERE $1::text IS NULL OR resource = $1 ORDER BY banyan.audit.id DESC LIMIT $2::int`,
    [resource, limit],
  );
  return rows.map((row) => ({ ...row, details: JSON.parse(row.details) as Record<string, unknown> }));
}

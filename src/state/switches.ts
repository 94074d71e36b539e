import type { Sql } from '../domain/sql.ts';
import type { Mode, ResourceName } from '../domain/words.ts';

/** A switch as it is remembered: what was asked, by whom, how far it came. */
export interface SwitchRecord {
  id: string;
  resource: ResourceName;
  from: Mode;
  to: Mode;
  actor: string;
  startedAt: string;
  openedAt: string | null;
  /** `done`, `turned-round`, or null while it runs. */
  outcome: 'done' | 'turned-round' | null;
  note: string | null;
}

/** How long one replica held the writes of one switch; milliseconds. */
export interface SwitchPause {
  replica: string;
  held: number;
  failed: number;
  p50: number;
  max: number;
}

export async function beginSwitch(
  sql: Sql,
  { resource, from, to, actor }: { resource: ResourceName; from: Mode; to: Mode; actor: string },
): Promise<string> {
  const { rows } = await sql.query<{ id: string }>(
    'INSERT INTO banyan.switch (resource, from_mode, to_mode, actor) VALUES ($1, $2, $3, $4) RETURNING id::text',
    [resource, from, to, actor],
  );
  return rows[0]?.id as string;
}

/**
 * Whether Banyan has ever led the resource: a switch of it has come to its end. What new holds before that is somebody
 * else's; a switch that turned round has brought nothing there.
 */
export async function wasLed(sql: Sql, resource: ResourceName): Promise<boolean> {
  const { rows } = await sql.query(
    `SELECT 1 FROM banyan.switch WHERE resource = $1 AND outcome = 'done' LIMIT 1`,
    [resource],
  );
  return rows.length > 0;
}

export async function noteDrained(sql: Sql, id: string): Promise<void> {
  await sql.query('UPDATE banyan.switch SET drained_at = clock_timestamp() WHERE id = $1::bigint', [id]);
}

export async function noteOnSwitch(sql: Sql, id: string, note: string): Promise<void> {
  await sql.query('UPDATE banyan.switch SET note = $2 WHERE id = $1::bigint', [id, note]);
}

export async function endSwitch(sql: Sql, id: string, outcome: 'done' | 'turned-round'): Promise<void> {
  await sql.query(
    'UPDATE banyan.switch SET opened_at = clock_timestamp(), outcome = $2 WHERE id = $1::bigint AND outcome IS NULL',
    [id, outcome],
  );
}

/** Whether a switch to `mode` was begun after the last one to `since`. */
export async function enteredSince(
  sql: Sql,
  resource: ResourceName,
  { mode, since }: { mode: Mode; since: Mode },
): Promise<boolean> {
  const { rows } = await sql.query(
    `SELECT 1 FROM banyan.switch WHERE resource = $1 AND to_mode = $2 AND id > coalesce(
       (SELECT max(id) FROM banyan.switch WHERE resource = $1 AND to_mode = $3), 0) LIMIT 1`,
    [resource, mode, since],
  );
  return rows.length > 0;
}

const COLUMNS = `id::text, resource, from_mode AS "from", to_mode AS "to", actor, started_at::text AS "startedAt",
  opened_at::text AS "openedAt", outcome, note`;

export async function readSwitch(sql: Sql, id: string): Promise<SwitchRecord | null> {
  const { rows } = await sql.query<SwitchRecord>(
    `SELECT ${COLUMNS} FROM banyan.switch WHERE id = $1::bigint`,
    [id],
  );
  return rows[0] ?? null;
}

export async function lastSwitch(sql: Sql, resource: ResourceName): Promise<SwitchRecord | null> {
  const { rows } = await sql.query<SwitchRecord>(
    `SELECT ${COLUMNS} FROM banyan.switch WHERE resource = $1 ORDER BY banyan.switch.id DESC LIMIT 1`,
    [resource],
  );
  return rows[0] ?? null;
}

/** Adds what one replica held; a replica that reports twice replaces its first report. */
export async function reportPause(sql: Sql, id: string, pause: SwitchPause): Promise<void> {
  await sql.query(
    `INSERT INTO banyan.switch_pause (switch_id, replica, held, failed, p50_ms, max_ms)
     VALUES ($1::bigint, $2, $3::int, $4::int, $5::float8, $6::float8)
     ON CONFLICT (switch_id, replica) DO UPDATE SET held = excluded.held, failed = excluded.failed,
       p50_ms = excluded.p50_ms, max_ms = excluded.max_ms`,
    [id, pause.replica, pause.held, pause.failed, pause.p50, pause.max],
  );
}

export async function readPauses(sql: Sql, id: string): Promise<SwitchPause[]> {
  const { rows } = await sql.query<Record<keyof SwitchPause, string>>(
    `SELECT replica, held::text, failed::text, p50_ms::text AS p50, max_ms::text AS max
     FROM banyan.switch_pause WHERE switch_id = $1::bigint ORDER BY replica`,
    [id],
  );
  return rows.map((row) => ({
    replica: row.replica,
    held: Number(row.held),
    failed: Number(row.failed),
    p50: Number(row.p50),
    max: Number(row.max),
  }));
}

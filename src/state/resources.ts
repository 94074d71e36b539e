import { isMode, PARTIAL_MODES } from '../domain/modes.ts';
import { BanyanError } from '../domain/errors.ts';
import type { Sql } from '../domain/sql.ts';
import type { Mode, ResourceName, ResourceState, Route, Stage } from '../domain/words.ts';
import { shareGate, stepGate } from './gate.ts';
import { createSlots } from './slots.ts';

const COLUMNS = `name, epoch::text, stage, mode, next_mode, previous_mode, "primary", generation::text, "returning"::text,
  retired::text, switch_id::text`;

type StateRow = Record<string, string | null>;

function toState(row: StateRow): ResourceState {
  if (!isMode(row.mode ?? ''))
    throw new BanyanError('internal', `resource ${row.name} is in unknown mode ${row.mode}`);
  return {
    resource: row.name as string,
    epoch: Number(row.epoch),
    stage: row.stage as Stage,
    mode: row.mode as Mode,
    nextMode: row.next_mode as Mode | null,
    previousMode: row.previous_mode as Mode | null,
    primary: row.primary as ResourceState['primary'],
    generation: Number(row.generation),
    returning: row.returning === 'true',
    retired: row.retired === 'true',
    switchId: row.switch_id ?? null,
  };
}

/**
 * Makes the row of each resource that has none: mode `legacy`, epoch 1. Its counters are looked after each time: without
 * them, where a process stopped between the two statements, no sync would ever come to its end (R6).
 */
export async function registerResources(sql: Sql, names: readonly ResourceName[]): Promise<void> {
  for (const name of [...names].sort()) {
    await sql.query('INSERT INTO banyan.resource (name) VALUES ($1) ON CONFLICT DO NOTHING', [name]);
    await createSlots(sql, name);
  }
}

/** R18: everything that a replica acts under, of all resources, in one snapshot. */
export async function readStates(sql: Sql): Promise<ResourceState[]> {
  const { rows } = await sql.query<StateRow>(`SELECT ${COLUMNS} FROM banyan.resource ORDER BY name`);
  return rows.map(toState);
}

export async function readState(sql: Sql, resource: ResourceName): Promise<ResourceState | null> {
  const { rows } = await sql.query<StateRow>(`SELECT ${COLUMNS} FROM banyan.resource WHERE name = $1`, [
    resource,
  ]);
  return rows[0] ? toState(rows[0]) : null;
}

/** The columns that a step of a switch changes. */
export interface StepChange {
  stage: Stage;
  mode: Mode;
  nextMode: Mode | null;
  previousMode: Mode | null;
  primary: ResourceState['primary'];
  switchId?: string | null;
  /** Milliseconds from now until the switch turns round; undefined: as it is; null: none. */
  budget?: number | null;
  /** R20, M6: an entry into `dual-write`, `split` or `merged` from `legacy` voids what was filled or moved. */
  newGeneration?: boolean;
}

/**
 * Locks a resource's row for a step, if it is still at this epoch. Waits for every transaction that holds FOR SHARE on
 * it (R8, R9, leases, registrations), so that what is read next is all that there will be.
 */
export async function lockForStep(sql: Sql, resource: ResourceName, epoch: number): Promise<boolean> {
  await sql.query(`SELECT ${stepGate('$1')}`, [resource]);
  const { rows } = await sql.query(
    'SELECT 1 FROM banyan.resource WHERE name = $1 AND epoch = $2::bigint FOR UPDATE',
    [resource, epoch],
  );
  return rows.length > 0;
}

/**
 * Inside a sync's committing transaction: makes sure that legacy is still the primary until it commits, and says that
 * what follows is a sync, so that the triggers do not mark it (D5). Without this check a sync that was slow could write
 * over a record that the new side has changed after a switch. M6: nor is a copy left in new on the way into `split` or
 * `merged`, where it would win over what legacy was told after it was read.
 */
export async function holdLegacyPrimary(sql: Sql, resource: ResourceName): Promise<boolean> {
  const { rows } = await sql.query(
    `WITH gate AS MATERIALIZED (SELECT ${shareGate('$1')})
     SELECT set_config('banyan.origin', 'sync:' || $1::text, true) FROM gate, banyan.resource
     WHERE name = $1 AND "primary" = 'legacy' AND coalesce(next_mode <> ALL($2::text[]), true) FOR SHARE OF resource`,
    [resource, PARTIAL_MODES],
  );
  return rows.length > 0;
}

/** M6: inside a transaction: makes sure that nobody reads or writes new until it commits, and that nothing is marked. */
export async function holdUnread(sql: Sql, resource: ResourceName): Promise<boolean> {
  const { rows } = await sql.query(
    `WITH gate AS MATERIALIZED (SELECT ${shareGate('$1')})
     SELECT set_config('banyan.origin', 'sync:' || $1::text, true) FROM gate, banyan.resource
     WHERE name = $1 AND mode = 'legacy' AND stage = 'open' FOR SHARE OF resource`,
    [resource],
  );
  return rows.length > 0;
}

/**
 * R10: one step, compare-and-set on the epoch. Answers the new state, or null when somebody else was faster.
 * The row lock waits for every write that holds FOR SHARE on it (R8, R9), and later ones see the new stage.
 */
export async function stepResource(
  sql: Sql,
  resource: ResourceName,
  epoch: number,
  change: StepChange,
): Promise<ResourceState | null> {
  const { rows } = await sql.query<StateRow>(
    `UPDATE banyan.resource SET epoch = epoch + 1, stage = $3, mode = $4, next_mode = $5, previous_mode = $6, "primary" = $7,
       switch_id = CASE WHEN $8::boolean THEN $9::bigint ELSE switch_id END,
       budget_until = CASE WHEN $10::boolean THEN clock_timestamp() + $11::float8 * interval '1 ms' ELSE budget_until END,
       generation = generation + $12::int, "returning" = false,
       mode_since = CASE WHEN $3 = 'open' THEN now() ELSE mode_since END
     WHERE name = $1 AND epoch = $2::bigint RETURNING ${COLUMNS}`,
    [
      resource,
      epoch,
      change.stage,
      change.mode,
      change.nextMode,
      change.previousMode,
      change.primary,
      change.switchId !== undefined,
      change.switchId ?? null,
      change.budget !== undefined,
      change.budget ?? null,
      change.newGeneration ? 1 : 0,
    ],
  );
  return rows[0] ? toState(rows[0]) : null;
}

/** What a coordinator needs beside the state to do the next step. */
export interface SwitchSituation {
  /** The budget is over: turn round (R15). */
  overdue: boolean;
  /** Unmarked writes of stopped replicas may still land (R19, A1). */
  quiet: boolean;
  /** R12: marks, pending ones too, and leases that are left. */
  marks: number;
  leases: number;
  /** Registered replicas that have not acknowledged what the step needs. */
  missingAcks: string[];
}

/**
 * R12, R14, R19 in one snapshot. For a flip a replica's last acknowledged route counts (R14, R15: one that was cut off
 * and never left the old route does not block the way back); for `enter` and `drain` it must have seen this very epoch
 * (R19, M1).
 */
export async function readSituation(sql: Sql, state: ResourceState, route: Route): Promise<SwitchSituation> {
  const { rows } = await sql.query<Record<string, string | null> & { missing: string[] | null }>(
    `SELECT coalesce(budget_until <= clock_timestamp(), false)::text AS overdue,
       (quiet_until <= clock_timestamp())::text AS quiet,
       (SELECT count(*) FROM banyan.mark WHERE resource = r.name)::text AS marks,
       (SELECT count(*) FROM banyan.lease WHERE resource = r.name AND until > clock_timestamp())::text AS leases,
       (SELECT json_agg(p.name ORDER BY p.name)::text FROM banyan.replica AS p
        LEFT JOIN banyan.ack AS a ON a.replica = p.name AND a.resource = r.name
        WHERE NOT coalesce(CASE WHEN r.stage IN ('enter', 'drain') THEN a.epoch >= r.epoch ELSE a.route = $2 END, false)) AS missing
     FROM banyan.resource AS r WHERE r.name = $1 AND r.epoch = $3::bigint`,
    [state.resource, route, state.epoch],
  );
  const row = rows[0];
  if (!row) throw new BanyanError('switching', `${state.resource} has moved on from epoch ${state.epoch}`);
  return {
    overdue: row.overdue === 'true',
    quiet: row.quiet === 'true',
    marks: Number(row.marks),
    leases: Number(row.leases),
    missingAcks: row.missing ? (JSON.parse(row.missing as unknown as string) as string[]) : [],
  };
}

/** R21: ends marking for good. Compare-and-set like every step. */
export async function retireResource(sql: Sql, resource: ResourceName, epoch: number): Promise<boolean> {
  const { rowCount } = await sql.query(
    `UPDATE banyan.resource SET epoch = epoch + 1, retired = true
     WHERE name = $1 AND epoch = $2::bigint AND mode = 'new' AND stage = 'open'`,
    [resource, epoch],
  );
  return rowCount > 0;
}

/**
 * M7: from now on resting marks are worked off, or rest again, while reads and writes run on. Compare-and-set like every
 * step; answers whether it was done.
 */
export async function setReturning(sql: Sql, state: ResourceState, returning: boolean): Promise<boolean> {
  const { rowCount } = await sql.query(
    `UPDATE banyan.resource SET epoch = epoch + 1, "returning" = $3::boolean
     WHERE name = $1 AND epoch = $2::bigint AND stage = 'open'`,
    [state.resource, state.epoch, returning],
  );
  return rowCount > 0;
}

/** Since when only a verify can say that both sides are equal, and since when the mode is in force; ISO text. */
export async function readMoments(
  sql: Sql,
  resource: ResourceName,
): Promise<{ uncertainAt: string | null; modeSince: string }> {
  const { rows } = await sql.query<{ uncertain: string | null; since: string }>(
    `SELECT CASE WHEN isfinite(uncertain_at) THEN to_char(uncertain_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') END
       AS uncertain, to_char(mode_since AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS since
     FROM banyan.resource WHERE name = $1`,
    [resource],
  );
  return { uncertainAt: rows[0]?.uncertain ?? null, modeSince: rows[0]?.since ?? '' };
}

/** Remembers that from now on only a later verify can be trusted. */
export async function markUncertain(sql: Sql, resource: ResourceName): Promise<void> {
  await sql.query('UPDATE banyan.resource SET uncertain_at = clock_timestamp() WHERE name = $1', [resource]);
}

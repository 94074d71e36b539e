import { MODE_NAMES, MODES } from '../domain/modes.ts';
import type { Database, Sql } from '../domain/sql.ts';
import type { ResourceState } from '../domain/words.ts';
import { readStates } from './resources.ts';

/** Modes in which a process writes to legacy without a mark. */
const UNMARKED_MODES = MODE_NAMES.filter((mode) => MODES[mode].unmarked);

/** One running gateway process, as it registers. */
export interface ReplicaIdentity {
  /** The same after a restart: made of host and port, or given. */
  name: string;
  /** New at every start. */
  instance: string;
  host: string;
  /** Boot id of the host's kernel: with it, a process number that is gone is gone for sure. */
  boot: string;
  pid: number;
}

export interface Replica extends ReplicaIdentity {
  startedAt: string;
  seenAt: string;
  /** Whether it was seen in the last ten seconds. */
  fresh: boolean;
  /** Whether another process took its name in the last ten seconds: they take each other off. */
  contested: boolean;
}

/**
 * R17: a restart is a new registration; one transaction reads stage, primary and epoch of everything and counts as
 * acknowledgement of that route. `landing` (ms): an unmarked write of the process before may land until then (R19); so may
 * `unmarked` ones of this very process, which somebody took off while it was alive: its registration says nothing of them.
 */
export async function registerReplica(
  database: Database,
  identity: ReplicaIdentity,
  landing: number,
  unmarked = false,
): Promise<ResourceState[]> {
  return await database.transaction(async (sql) => {
    // Waits for a step that is being committed, and keeps the next one waiting until this registration counts.
    await sql.query('SELECT 1 FROM banyan.resource ORDER BY name FOR SHARE');
    const { rowCount } = await sql.query('DELETE FROM banyan.replica WHERE name = $1', [identity.name]);
    if (rowCount > 0 || unmarked) await quieten(sql, landing);
    await sql.query(
      'INSERT INTO banyan.replica (name, instance, host, boot, pid) VALUES ($1, $2::uuid, $3, $4, $5::int)',
      [identity.name, identity.instance, identity.host, identity.boot, identity.pid],
    );
    const states = await readStates(sql);
    for (const state of states) await writeAck(sql, identity, state);
    return states;
  });
}

/** R19, A1: a process that may have sent unmarked writes has stopped; backfill waits until none can land any more. */
async function quieten(sql: Sql, landing: number): Promise<void> {
  await sql.query(
    `UPDATE banyan.resource SET quiet_until = greatest(quiet_until, clock_timestamp() + $1::float8 * interval '1 ms')
     WHERE mode = ANY($2::text[]) OR stage = 'enter'`,
    [landing, UNMARKED_MODES],
  );
}

async function writeAck(sql: Sql, identity: ReplicaIdentity, state: ResourceState): Promise<number> {
  const { rowCount } = await sql.query(
    `INSERT INTO banyan.ack (replica, resource, epoch, mode, route)
     SELECT p.name, r.name, r.epoch, $4, $5 FROM banyan.replica AS p, banyan.resource AS r
     WHERE p.name = $1 AND p.instance = $2::uuid AND r.name = $3 AND r.epoch = $6::bigint FOR SHARE OF r
     ON CONFLICT (replica, resource) DO UPDATE SET epoch = excluded.epoch, mode = excluded.mode, route = excluded.route, at = now()`,
    [identity.name, identity.instance, state.resource, state.mode, MODES[state.mode].reads, state.epoch],
  );
  return rowCount;
}

/**
 * R13: acknowledges the state's route by compare-and-set: the epoch must still be the one that was seen, and the
 * registration the replica's own. True only when that is committed.
 */
export async function acknowledge(
  database: Database,
  identity: ReplicaIdentity,
  state: ResourceState,
): Promise<boolean> {
  return await database.transaction(async (sql) => (await writeAck(sql, identity, state)) > 0);
}

/** Says that the replica is there. False: it is not registered any more and has to register again. */
export async function heartbeat(sql: Sql, identity: ReplicaIdentity): Promise<boolean> {
  const { rowCount } = await sql.query(
    'UPDATE banyan.replica SET seen_at = clock_timestamp() WHERE name = $1 AND instance = $2::uuid',
    [identity.name, identity.instance],
  );
  return rowCount > 0;
}

/** The process that has registered under this one's name; null: nobody has, somebody took this one off. */
export async function rivalOf(
  sql: Sql,
  identity: ReplicaIdentity,
): Promise<Pick<ReplicaIdentity, 'host' | 'pid'> | null> {
  const { rows } = await sql.query<{ host: string; pid: string }>(
    'SELECT host, pid::text FROM banyan.replica WHERE name = $1 AND instance <> $2::uuid',
    [identity.name, identity.instance],
  );
  return rows[0] ? { host: rows[0].host, pid: Number(rows[0].pid) } : null;
}

/** Notes that two processes have this one's name. */
export async function contestName(sql: Sql, identity: ReplicaIdentity): Promise<void> {
  await sql.query('UPDATE banyan.replica SET contested_at = clock_timestamp() WHERE name = $1', [
    identity.name,
  ]);
}

/**
 * An orderly stop. `landing` (ms): how long an unmarked write of this replica may still land, 0 where none is under way:
 * one without an answer, or one whose client has gone before its answer came (R19).
 */
export async function signOff(database: Database, identity: ReplicaIdentity, landing: number): Promise<void> {
  await database.transaction(async (sql) => {
    const { rowCount } = await sql.query(
      'DELETE FROM banyan.replica WHERE name = $1 AND instance = $2::uuid',
      [identity.name, identity.instance],
    );
    if (rowCount > 0 && landing > 0) await quieten(sql, landing);
  });
}

/** R16, first case: takes off a replica that has stopped for sure; its marks run to their deadline. */
export async function takeOff(
  database: Database,
  replica: { name: string; instance: string },
  landing: number,
): Promise<boolean> {
  return await database.transaction(async (sql) => {
    const { rowCount } = await sql.query(
      'DELETE FROM banyan.replica WHERE name = $1 AND instance = $2::uuid',
      [replica.name, replica.instance],
    );
    if (rowCount > 0) await quieten(sql, landing);
    return rowCount > 0;
  });
}

export async function listReplicas(sql: Sql): Promise<Replica[]> {
  const { rows } = await sql.query<Record<keyof Replica, string>>(
    `SELECT name, instance::text, host, boot, pid::text, started_at::text AS "startedAt", seen_at::text AS "seenAt",
       (seen_at > clock_timestamp() - interval '10 s')::text AS fresh,
       coalesce(contested_at > clock_timestamp() - interval '10 s', false)::text AS contested
     FROM banyan.replica ORDER BY name`,
  );
  return rows.map((row) => ({
    ...row,
    pid: Number(row.pid),
    fresh: row.fresh === 'true',
    contested: row.contested === 'true',
  }));
}

/** What each replica last acknowledged of a resource. */
export async function listAcks(
  sql: Sql,
  resource: string,
): Promise<{ replica: string; epoch: number; mode: string; route: string }[]> {
  const { rows } = await sql.query<{ replica: string; epoch: string; mode: string; route: string }>(
    'SELECT replica, epoch::text, mode, route FROM banyan.ack WHERE resource = $1 ORDER BY replica',
    [resource],
  );
  return rows.map((row) => ({ ...row, epoch: Number(row.epoch) }));
}

/** Remembers which file a replica has; its problems when it is refused. */
export async function recordFile(
  sql: Sql,
  replica: string,
  file: { hash: string; modes: Record<string, string>; problems: string[] | null },
): Promise<void> {
  await sql.query(
    `INSERT INTO banyan.replica_file (replica, hash, modes, problems, at) VALUES ($1, $2, $3::jsonb, $4::jsonb, now())
     ON CONFLICT (replica) DO UPDATE SET hash = $2, modes = $3::jsonb, problems = $4::jsonb, at = now()`,
    [replica, file.hash, JSON.stringify(file.modes), file.problems && JSON.stringify(file.problems)],
  );
}

export interface ReplicaFile {
  replica: string;
  hash: string;
  modes: Record<string, string>;
  problems: string[] | null;
}

export async function readFiles(sql: Sql): Promise<ReplicaFile[]> {
  const { rows } = await sql.query<{ replica: string; hash: string; modes: string; problems: string | null }>(
    'SELECT replica, hash, modes::text, problems::text FROM banyan.replica_file ORDER BY replica',
  );
  return rows.map((row) => ({
    replica: row.replica,
    hash: row.hash,
    modes: JSON.parse(row.modes) as Record<string, string>,
    problems: row.problems === null ? null : (JSON.parse(row.problems) as string[]),
  }));
}

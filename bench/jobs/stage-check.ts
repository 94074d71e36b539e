import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { cpuTime } from '../cpu-time.ts';
import { quantile } from '../statistics.ts';
import { answer, input } from './job.ts';

/** Ways to make sure that a mark is made only while the resource takes writes. */
export type StageCheck = 'row' | 'advisory' | 'both';

export interface StageCheckInput {
  url: string;
  check: StageCheck;
  /** Marks a second; null: as many as the connections make. */
  rate: number | null;
  connections: number;
  seconds: number;
}

export interface StageCheckAnswer {
  perSecond: number;
  /** Milliseconds from when a mark was due to its commit. */
  p50: number;
  p99: number;
  max: number;
  /** What the server does for one mark: bytes of write-ahead log, and CPU of the connections' processes, microseconds. */
  wal: number;
  cpu: number;
  /** How long a step of a switch waited for its lock under this load; milliseconds. */
  step: { p50: number; max: number; count: number };
}

const ADVISORY = `pg_advisory_xact_lock_shared(hashtextextended('clients', 0))`;

/** Each is one function call, so that all cost one round trip and one commit. */
const LOCKS: Readonly<Record<StageCheck, { first: string; row: string }>> = {
  row: { first: '', row: 'FOR SHARE' },
  // The row in a statement of its own: in READ COMMITTED its snapshot is newer than the lock.
  advisory: { first: `PERFORM ${ADVISORY};`, row: '' },
  both: { first: `PERFORM ${ADVISORY};`, row: 'FOR SHARE' },
};

const functionOf = (check: StageCheck) => `
CREATE OR REPLACE FUNCTION banyan.bench_mark_${check}(wanted text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE made bigint;
BEGIN
  ${LOCKS[check].first}
  PERFORM FROM banyan.resource
    WHERE name = 'clients' AND stage IN ('open', 'enter') AND "primary" = 'legacy' ${LOCKS[check].row};
  IF NOT FOUND THEN RETURN NULL; END IF;
  INSERT INTO banyan.mark (resource, key, replica, deadline, cause)
    VALUES ('clients', wanted, 'bench', clock_timestamp() + interval '15 s', 'write') RETURNING id INTO made;
  RETURN made;
END $$`;

/** What a step of a switch waits for before it may look. */
const STEP_ROW = `SELECT FROM banyan.resource WHERE name = 'clients' FOR UPDATE`;
const STEP_ADVISORY = `SELECT pg_advisory_xact_lock(hashtextextended('clients', 0))`;
const STEPS: Readonly<Record<StageCheck, readonly string[]>> = {
  row: [STEP_ROW],
  advisory: [STEP_ADVISORY],
  both: [STEP_ADVISORY, STEP_ROW],
};
const STEP_EVERY = 250;

const { url, check, rate, connections, seconds } = input<StageCheckInput>();
const pool = new pg.Pool({ connectionString: url, max: connections, application_name: 'marks' });
const others = new pg.Pool({ connectionString: url, max: 2 });
await others.query(functionOf(check));

const latencies: number[] = [];
const steps: number[] = [];
let open = true;

async function mark(due: number): Promise<void> {
  const text = `SELECT banyan.bench_mark_${check}($1)`;
  const { rows } = await pool.query<string[]>({
    name: check,
    text,
    values: [randomUUID()],
    rowMode: 'array',
  });
  if (rows[0]?.[0] == null) throw new Error('a mark was refused');
  latencies.push(performance.now() - due);
}

async function atRate(perSecond: number): Promise<void> {
  const begun = performance.now();
  const sent: Promise<void>[] = [];
  for (let n = 0; n < perSecond * seconds; n += 1) {
    const due = begun + (n * 1_000) / perSecond;
    if (due > performance.now()) await sleep(due - performance.now());
    sent.push(mark(due));
  }
  await Promise.all(sent);
}

async function saturated(): Promise<void> {
  const end = performance.now() + seconds * 1_000;
  const one = async () => {
    while (performance.now() < end) await mark(performance.now());
  };
  await Promise.all(Array.from({ length: connections }, one));
}

/** Marks are worked off meanwhile, as syncs do, so that the table stays small. */
async function workOff(): Promise<void> {
  while (open) {
    await others.query('DELETE FROM banyan.mark');
    await sleep(100);
  }
}

/** Now and then somebody wants to make a step of a switch; it is taken back at once. */
async function makeSteps(): Promise<void> {
  for (const client = await others.connect(); ; await sleep(STEP_EVERY)) {
    if (!open) return client.release();
    await client.query('BEGIN');
    const asked = performance.now();
    for (const lock of STEPS[check]) await client.query(lock);
    steps.push(performance.now() - asked);
    await client.query('ROLLBACK');
  }
}

/** Position in the write-ahead log, and CPU time of this job's connections. */
async function spent(): Promise<{ wal: number; cpu: number }> {
  const text = `SELECT pg_current_wal_insert_lsn() - '0/0' AS wal,
    (SELECT json_agg(pid) FROM pg_stat_activity WHERE application_name = 'marks') AS pids`;
  const { rows } = await others.query<{ wal: string; pids: number[] }>(text);
  const times = await Promise.all((rows[0]?.pids ?? []).map(cpuTime));
  return { wal: Number(rows[0]?.wal), cpu: times.reduce((sum, time) => sum + time, 0) };
}

await Promise.all(Array.from({ length: connections }, () => mark(performance.now())));
latencies.length = 0;
const before = await spent();
const beside = Promise.all([workOff(), makeSteps()]);
const started = performance.now();
await (rate === null ? saturated() : atRate(rate));
const took = performance.now() - started;
open = false;
await beside;
const after = await spent();
answer({
  perSecond: (latencies.length * 1_000) / took,
  p50: quantile(latencies, 0.5),
  p99: quantile(latencies, 0.99),
  max: quantile(latencies, 1),
  wal: (after.wal - before.wal) / latencies.length,
  cpu: (after.cpu - before.cpu) / latencies.length,
  step: { p50: quantile(steps, 0.5), max: quantile(steps, 1), count: steps.length },
} satisfies StageCheckAnswer);

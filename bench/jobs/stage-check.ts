import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { quantile } from '../statistics.ts';
import { answer, input } from './job.ts';

/** Ways to make sure that a mark is made only while the resource takes writes. */
export type StageCheck = 'row' | 'advisory';

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
  /** How long a step of a switch waited for its lock under this load; milliseconds. */
  step: { p50: number; max: number; count: number };
}

/** Both in one function call, so that both cost one round trip and one commit. */
const FUNCTIONS = `
CREATE OR REPLACE FUNCTION banyan.bench_mark_row(resource text, key text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE made bigint;
BEGIN
  PERFORM FROM banyan.resource AS r
    WHERE r.name = bench_mark_row.resource AND stage IN ('open', 'enter') AND "primary" = 'legacy' FOR SHARE;
  IF NOT FOUND THEN RETURN NULL; END IF;
  INSERT INTO banyan.mark (resource, key, replica, deadline, cause)
    VALUES (bench_mark_row.resource, bench_mark_row.key, 'bench', clock_timestamp() + interval '15 s', 'write')
    RETURNING id INTO made;
  RETURN made;
END $$;
CREATE OR REPLACE FUNCTION banyan.bench_mark_advisory(resource text, key text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE made bigint;
BEGIN
  PERFORM pg_advisory_xact_lock_shared(hashtextextended(bench_mark_advisory.resource, 0));
  -- A statement of its own: in READ COMMITTED its snapshot is newer than the lock.
  PERFORM FROM banyan.resource AS r
    WHERE r.name = bench_mark_advisory.resource AND stage IN ('open', 'enter') AND "primary" = 'legacy';
  IF NOT FOUND THEN RETURN NULL; END IF;
  INSERT INTO banyan.mark (resource, key, replica, deadline, cause)
    VALUES (bench_mark_advisory.resource, bench_mark_advisory.key, 'bench', clock_timestamp() + interval '15 s', 'write')
    RETURNING id INTO made;
  RETURN made;
END $$`;

/** What a step of a switch waits for before it may look. */
const STEPS: Readonly<Record<StageCheck, string>> = {
  row: `SELECT FROM banyan.resource WHERE name = 'clients' FOR UPDATE`,
  advisory: `SELECT pg_advisory_xact_lock(hashtextextended('clients', 0))`,
};
const STEP_EVERY = 250;

const { url, check, rate, connections, seconds } = input<StageCheckInput>();
const pool = new pg.Pool({ connectionString: url, max: connections });
const others = new pg.Pool({ connectionString: url, max: 2 });
await others.query(FUNCTIONS);

const latencies: number[] = [];
const steps: number[] = [];
let open = true;

async function mark(due: number): Promise<void> {
  const text = `SELECT banyan.bench_mark_${check}('clients', $1)`;
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
    await client.query(STEPS[check]);
    steps.push(performance.now() - asked);
    await client.query('ROLLBACK');
  }
}

await Promise.all(Array.from({ length: connections }, () => mark(performance.now())));
latencies.length = 0;
const beside = Promise.all([workOff(), makeSteps()]);
const started = performance.now();
await (rate === null ? saturated() : atRate(rate));
const took = performance.now() - started;
open = false;
await beside;
answer({
  perSecond: (latencies.length * 1_000) / took,
  p50: quantile(latencies, 0.5),
  p99: quantile(latencies, 0.99),
  max: quantile(latencies, 1),
  step: { p50: quantile(steps, 0.5), max: quantile(steps, 1), count: steps.length },
} satisfies StageCheckAnswer);

import type { StoreQuery } from '../load/subjects.ts';
import { type Sample, quantile } from '../load/tally.ts';

/** One switch, as the gateways and as the clients met it; milliseconds. */
export interface SwitchFigures {
  from: string;
  to: string;
  outcome: string | null;
  /** From its first to its last step. */
  took: number;
  /** Writes that gateways held, how many of them in vain, and for how long. */
  held: number;
  failed: number;
  p50: number;
  max: number;
  /** How long clients waited for writes that were under way during the switch. */
  clients: { writes: number; p50: number; max: number };
}

const READS = new Set(['detail', 'list']);

/** Every switch so far, oldest first. */
export async function readSwitches(
  control: StoreQuery,
  resource: string,
  samples: readonly Sample[],
): Promise<SwitchFigures[]> {
  const rows = await control(
    `SELECT from_mode AS "from", to_mode AS "to", outcome,
       (extract(epoch FROM started_at) * 1000)::float8 AS begun, (extract(epoch FROM opened_at) * 1000)::float8 AS ended,
       coalesce(sum(held), 0)::int AS held, coalesce(sum(failed), 0)::int AS failed,
       coalesce(max(p50_ms), 0) AS p50, coalesce(max(max_ms), 0) AS max
     FROM banyan.switch AS s LEFT JOIN banyan.switch_pause AS p ON p.switch_id = s.id
     WHERE resource = $1 GROUP BY s.id ORDER BY s.id`,
    [resource],
  );
  const writes = samples.filter(({ kind }) => !READS.has(kind));
  return (rows as unknown as (SwitchFigures & { begun: number; ended: number | null })[]).map((row) => {
    const ended = row.ended ?? Date.now();
    const [from, to] = [row.begun - performance.timeOrigin, ended - performance.timeOrigin];
    const met = writes.filter((sample) => sample.begun <= to && sample.ended >= from);
    const clients = { writes: met.length, p50: quantile(met, 0.5), max: quantile(met, 1) };
    return { ...row, took: ended - row.begun, clients };
  });
}

import { withClient } from '../src/quickstart/accounts.ts';
import type { ReplicateAnswer, ReplicateInput } from './jobs/replicate.ts';
import type { Place } from './place.ts';
import { round, type Finding } from './report.ts';
import { median } from './statistics.ts';

/** A resource whose legacy side is of one kind of store. */
export interface KindUnderTest {
  /** What it is called in the report. */
  title: string;
  rows: number;
  /** Configuration file, from the project's root, and the resource in it. */
  resource: { config: string; resource: string };
  /** The new side's table. */
  table: string;
  /** Environment of the configuration, without the new side's URL. */
  env: Record<string, string>;
  /** What a plain read is. */
  reading: string;
}

/** Rows per second of each work, of one pass. */
export type Rates = Record<'read' | 'backfill' | 'readBoth' | 'verify', number>;

/** Backfill and verify, each in a process of its own, beside plain reads by the same store. */
export async function measureKind(place: Place, kind: KindUnderTest, passes: number): Promise<Finding[]> {
  const newUrl = await place.database();
  const run = async (work: ReplicateInput['work']) => {
    const env = { ...kind.env, DATABASE_URL: newUrl };
    return perSecond(await place.job<ReplicateAnswer>('replicate', { work, ...kind.resource }, env));
  };
  await run('prepare');
  const rates: Rates[] = [];
  for (let pass = 0; pass < passes; pass += 1) {
    await withClient(newUrl, (client) =>
      client.query(`TRUNCATE ${kind.table} CASCADE; DELETE FROM banyan.backfill`),
    );
    rates.push({
      read: await run('readLegacy'),
      backfill: await run('backfill'),
      readBoth: await run('read'),
      verify: await run('verify'),
    });
  }
  return [
    compared(kind, rates, 'backfill', 'read', kind.reading),
    compared(kind, rates, 'verify', 'readBoth', 'rows of both sides together'),
  ];
}

function compared(
  { title, rows }: KindUnderTest,
  rates: readonly Rates[],
  what: 'backfill' | 'verify',
  to: 'read' | 'readBoth',
  note: string,
): Finding {
  const of = (name: keyof Rates) => round(median(rates.map((rate) => rate[name])));
  return {
    what: `${title}: ${what}, ${round(rows)} records`,
    against: `${of(what)} rows/s against reading ${of(to)} rows/s`,
    result: median(rates.map((rate) => rate[what] / rate[to])),
    aim: null,
    note,
  };
}

export function perSecond({ rows, milliseconds }: Pick<ReplicateAnswer, 'rows' | 'milliseconds'>): number {
  return (rows * 1_000) / milliseconds;
}

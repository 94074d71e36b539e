import { withClient } from '../../src/quickstart/accounts.ts';
import { LEGACY_SCHEMA } from '../../src/quickstart/legacy-schema.ts';
import type { MergedAnswer, MergedInput } from '../jobs/merged.ts';
import { round } from '../report.ts';
import type { Case } from './case.ts';

/** Records of each side. The last is made with `--full` only. */
const VOLUMES = [10_000, 100_000, 1_000_000] as const;
/** Beyond it the naive way takes a minute and gigabytes. */
const NAIVE_UP_TO = 100_000;

/** A page of 50 of both sides merged, at growing volumes, against fetching both, concatenating and sorting. */
export const merged: Case = {
  name: 'merged',
  async run(place, effort) {
    const volumes = VOLUMES.filter((rows) => rows <= Math.max(100_000, effort.many));
    const asked: MergedInput = { volumes: [], pages: 100 * effort.rounds };
    for (const rows of volumes) {
      const [legacyUrl, newUrl] = [await place.database(), await place.database()];
      await withClient(legacyUrl, (client) => client.query(LEGACY_SCHEMA));
      asked.volumes.push({ rows, legacyUrl, newUrl, naive: rows <= NAIVE_UP_TO ? 3 : 0 });
    }
    const answers = await place.job<MergedAnswer[]>('merged', asked);
    const found = new Map<number, MergedAnswer>(
      volumes.map((rows, index) => [rows, answers[index] as MergedAnswer]),
    );
    const [least, most] = [Math.min(...volumes), Math.max(...volumes)];
    const [small, large] = [found.get(least), found.get(most)] as [MergedAnswer, MergedAnswer];
    const hundred = found.get(100_000) as MergedAnswer;
    return [
      {
        what: `merged page of 50, ${round(most)} a side`,
        against: `${round(large.page)} ms (p95 ${round(large.p95)}) against ${round(small.page)} ms at ${round(least)}`,
        result: large.page / small.page,
        aim: { atMost: 1.3 },
        note: [...found].map(([rows, { page }]) => `${round(rows)}: ${round(page)} ms`).join(', '),
      },
      {
        what: 'merged page, against the naive way at 100,000 a side',
        against: `${round(hundred.page)} ms against ${round(hundred.naive)} ms`,
        result: hundred.naive / hundred.page,
        aim: { atLeast: 50 },
        note: 'fetch both, concatenate, sort, cut',
      },
      {
        what: `merged page with its exact total, ${round(most)} a side`,
        against: `${round(large.total)} ms`,
        result: large.total,
        aim: null,
        note: 'milliseconds; the counts are those of the two databases, which grow with the volume',
      },
    ];
  },
};

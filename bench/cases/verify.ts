import { startLegacy } from '../gateways.ts';
import { growClients, replicate } from '../replicate.ts';
import { round } from '../report.ts';
import { median } from '../statistics.ts';
import { migrated } from './backfill.ts';
import type { Case } from './case.ts';

const ROWS = 50_000;

/** Verify against nothing but reading both sides by the same stores. */
export const verify: Case = {
  name: 'verify',
  async run(place, effort) {
    const legacy = await startLegacy(place, 1);
    await growClients(legacy.databaseUrl, ROWS);
    const sides = { legacy, newUrl: await migrated(place, legacy) };
    await replicate(place, 'backfill', sides);
    const rates: { ours: number; read: number }[] = [];
    for (let pass = 0; pass < Math.ceil(effort.rounds / 2); pass += 1) {
      const [read, ours] = [await replicate(place, 'read', sides), await replicate(place, 'verify', sides)];
      rates.push({
        ours: (ours.rows * 1_000) / ours.milliseconds,
        read: (read.rows * 1_000) / read.milliseconds,
      });
    }
    const of = (figure: 'ours' | 'read') => median(rates.map((rate) => rate[figure]));
    return [
      {
        what: `verify, ${round(ROWS)} rows a side`,
        against: `${round(of('ours'))} rows/s against reading ${round(of('read'))} rows/s`,
        result: median(rates.map(({ ours, read }) => ours / read)),
        aim: null,
        note: 'rows of both sides together',
      },
    ];
  },
};

import { startLegacy, type Legacy } from '../gateways.ts';
import type { Place } from '../place.ts';
import { emptyNewSide, growClients, replicate } from '../replicate.ts';
import { round, type Finding } from '../report.ts';
import { migrated } from './backfill.ts';
import type { Case } from './case.ts';

const FEW = 10_000;

/** The most memory that backfill and verify ever have, with few and with many rows. */
export const memory: Case = {
  name: 'memory',
  async run(place, { many }) {
    const legacy = await startLegacy(place, 1);
    const sides = { legacy, newUrl: await migrated(place, legacy) };
    const few = await peaks(place, sides);
    await emptyNewSide(sides.newUrl);
    await growClients(legacy.databaseUrl, many);
    const more = await peaks(place, sides);
    return (['backfill', 'verify'] as const).map((work): Finding => ({
      what: `${work}, resident memory`,
      against: `${megabytes(more[work])} MB with ${round(many)} rows against ${megabytes(few[work])} MB with ${round(FEW)}`,
      result: more[work] / few[work],
      aim: { atMost: 1.3 },
    }));
  },
};

async function peaks(
  place: Place,
  sides: { legacy: Legacy; newUrl: string },
): Promise<{ backfill: number; verify: number }> {
  const backfill = await replicate(place, 'backfill', sides);
  const verify = await replicate(place, 'verify', sides);
  return { backfill: backfill.peak, verify: verify.peak };
}

function megabytes(bytes: number): string {
  return round(bytes / 2 ** 20);
}

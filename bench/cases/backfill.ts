import { withClient } from '../../src/quickstart/accounts.ts';
import { copyRows } from '../copy.ts';
import { startBenchGateway, startLegacy } from '../gateways.ts';
import { emptyNewSide, growClients, replicate } from '../replicate.ts';
import { round } from '../report.ts';
import { median } from '../statistics.ts';
import type { Case } from './case.ts';
import { plainDatabase } from './new.ts';

const ROWS = 50_000;
const COLUMNS = `id, name, email, tel, siret, status, address, tags, metadata, revenue, loyalty_points, newsletter, notes,
  first_contact_on, engagement_count, last_engagement_at, created_at, updated_at`;

/** Backfill through the legacy store's REST API against COPY of the same rows between the two databases. */
export const backfill: Case = {
  name: 'backfill',
  async run(place, effort) {
    const legacy = await startLegacy(place, 1);
    await growClients(legacy.databaseUrl, ROWS);
    const newUrl = await migrated(place, legacy);
    const plain = await plainDatabase(place, newUrl);
    const rates: { ours: number; copy: number; read: number }[] = [];
    for (let pass = 0; pass < Math.ceil(effort.rounds / 2); pass += 1) {
      await emptyNewSide(newUrl);
      const copy = await timeCopy(legacy.databaseUrl, plain);
      const read = await replicate(place, 'read', { legacy, newUrl });
      const ours = await replicate(place, 'backfill', { legacy, newUrl });
      rates.push({ ours: perSecond(ours), copy, read: perSecond(read) });
    }
    const of = (figure: 'ours' | 'copy' | 'read') => median(rates.map((rate) => rate[figure]));
    return [
      {
        what: `backfill, ${round(ROWS)} rows`,
        against: `${round(of('ours'))} rows/s against COPY ${round(of('copy'))} rows/s`,
        result: median(rates.map(({ ours, copy }) => ours / copy)),
        aim: { atLeast: 0.5 },
        note: `reading legacy alone through its API: ${round(of('read'))} rows/s`,
      },
      {
        what: `backfill, against reading legacy alone`,
        against: `${round(of('ours'))} rows/s against ${round(of('read'))} rows/s`,
        result: median(rates.map(({ ours, read }) => ours / read)),
        aim: null,
      },
    ];
  },
};

function perSecond({ rows, milliseconds }: { rows: number; milliseconds: number }): number {
  return (rows * 1_000) / milliseconds;
}

async function timeCopy(from: string, to: string): Promise<number> {
  await withClient(to, (client) => client.query('TRUNCATE clients CASCADE'));
  await withClient(to, (client) => client.query('CHECKPOINT'));
  const started = performance.now();
  await copyRows(from, `SELECT ${COLUMNS} FROM clients`, to, `clients (${COLUMNS.replace('tel', 'phone')})`);
  return perSecond({ rows: ROWS, milliseconds: performance.now() - started });
}

/** A new side with tables, triggers and journal, whose gateway has stopped again. */
export async function migrated(
  place: Parameters<Case['run']>[0],
  legacy: Parameters<typeof startBenchGateway>[1],
): Promise<string> {
  const gateway = await startBenchGateway(place, legacy);
  await gateway.stop();
  return gateway.databaseUrl;
}

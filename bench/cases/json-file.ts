import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeData, writeData } from '../../examples/shop/data.ts';
import { withClient } from '../../src/quickstart/accounts.ts';
import type { ReplicateAnswer, ReplicateInput } from '../jobs/replicate.ts';
import { round } from '../report.ts';
import { median } from '../statistics.ts';
import type { Case } from './case.ts';

/** Leads of the shop: one record in a file like any other, without references. */
const ROWS = 50_000;
const RESOURCE = { config: 'examples/shop/routes.config.yaml', resource: 'leads' };

/** Backfill and verify from JSON files, against just reading them. */
export const jsonFile: Case = {
  name: 'json-file',
  async run(place, effort) {
    const data = await mkdtemp(join(tmpdir(), 'banyan-bench-files-'));
    place.teardown(() => rm(data, { recursive: true, force: true }));
    await writeData(data, makeData({ users: 5, seed: 1 }));
    await writeFile(join(data, 'leads.json'), JSON.stringify(makeLeads(ROWS), null, 2));
    const newUrl = await place.database();
    const run = async (work: ReplicateInput['work']) => {
      const env = { SHOP_DATA: data, DATABASE_URL: newUrl };
      return await place.job<ReplicateAnswer>('replicate', { work, ...RESOURCE }, env);
    };
    await run('prepare');
    const rates: Record<'read' | 'backfill' | 'readBoth' | 'verify', number>[] = [];
    for (let pass = 0; pass < Math.ceil(effort.rounds / 2); pass += 1) {
      await withClient(newUrl, (client) => client.query('TRUNCATE leads; DELETE FROM banyan.backfill'));
      rates.push({
        read: perSecond(await run('readLegacy')),
        backfill: perSecond(await run('backfill')),
        readBoth: perSecond(await run('read')),
        verify: perSecond(await run('verify')),
      });
    }
    const compared = (what: 'backfill' | 'verify', to: 'read' | 'readBoth', note: string) => ({
      what: `json-file: ${what}, ${round(ROWS)} records`,
      against: `${round(median(rates.map((rate) => rate[what])))} rows/s against reading ${round(median(rates.map((rate) => rate[to])))} rows/s`,
      result: median(rates.map((rate) => rate[what] / rate[to])),
      aim: null,
      note,
    });
    return [
      compared('backfill', 'read', 'reading the file in key order by the same store'),
      compared('verify', 'readBoth', 'rows of both sides together'),
    ];
  },
};

function makeLeads(count: number): Record<string, unknown>[] {
  return Array.from({ length: count }, (_, index) => ({
    id: randomUUID(),
    email: `lead${index}@example.com`,
    name: `Lead ${index}`,
    message: 'How tall is it, and how long does it take to get here? '.repeat(3),
    createdAt: new Date(Date.UTC(2025, 0, 1) + index * 60_000).toISOString(),
  }));
}

function perSecond({ rows, milliseconds }: ReplicateAnswer): number {
  return (rows * 1_000) / milliseconds;
}

import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeData, writeData } from '../../examples/shop/data.ts';
import { measureKind } from '../kind.ts';
import type { Case } from './case.ts';

/** Leads of the shop: one record in a file like any other, without references. */
const ROWS = 50_000;

/** Backfill and verify from JSON files, against just reading them. */
export const jsonFile: Case = {
  name: 'json-file',
  async run(place, effort) {
    const data = await mkdtemp(join(tmpdir(), 'banyan-bench-files-'));
    place.teardown(() => rm(data, { recursive: true, force: true }));
    await writeData(data, makeData({ users: 5, seed: 1 }));
    await writeFile(join(data, 'leads.json'), JSON.stringify(makeLeads(ROWS), null, 2));
    const kind = {
      title: 'json-file',
      rows: ROWS,
      resource: { config: 'examples/shop/routes.config.yaml', resource: 'leads' },
      table: 'leads',
      env: { SHOP_DATA: data },
      reading: 'reading the file in key order by the same store',
    };
    return await measureKind(place, kind, Math.ceil(effort.rounds / 2));
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

import { resolve } from 'node:path';
import { bindSnapshot } from '../../src/app/bind.ts';
import { migrateAll } from '../../src/app/migrate.ts';
import { loadConfig } from '../../src/config/load.ts';
import { withClient } from '../../src/quickstart/accounts.ts';
import { Random } from '../../src/quickstart/random.ts';
import { compareRecords } from '../../src/domain/order.ts';
import { afterRow, type Condition, type SortBy } from '../../src/domain/query.ts';
import type { PublicRecord } from '../../src/domain/values.ts';
import { listMerged } from '../../src/replication/merged-list.ts';
import type { BoundResource, RecordSide } from '../../src/replication/resource.ts';
import { registerResources } from '../../src/state/resources.ts';
import { ROOT } from '../../test/harness/postgres.ts';
import { median, quantile } from '../statistics.ts';
import { answer, input } from './job.ts';

export interface MergedInput {
  volumes: MergedVolume[];
  /** Pages to read of each volume, by turns. */
  pages: number;
}

export interface MergedVolume {
  /** Records of each side; a tenth of legacy's were moved to new, so that they are twins. */
  rows: number;
  legacyUrl: string;
  newUrl: string;
  /** How often the naive way is gone; 0: not at all. */
  naive: number;
}

/** Of one volume, in milliseconds. */
export interface MergedAnswer {
  page: number;
  p95: number;
  /** With the exact total of all records. */
  total: number;
  naive: number;
}

const PAGE = 50;
const SCAN = 5_000;
const SORT: readonly SortBy[] = [
  { field: 'createdAt', descending: true },
  { field: 'id', descending: false },
];

/** Rows with moments of their own, made in the database. */
async function fill(url: string, rows: number, phone: string): Promise<void> {
  await withClient(url, async (client) => {
    await client.query(
      `INSERT INTO clients (id, name, email, ${phone}, status, revenue, created_at, updated_at)
       SELECT gen_random_uuid(), 'Client ' || n, '${phone}' || n || '@bench.example', '0', 'active', n, moment, moment
       FROM (SELECT n, now() - random() * interval '700 days' AS moment FROM generate_series(1, $1::int) AS s (n)) AS made`,
      [rows],
    );
    await client.query('VACUUM ANALYZE clients');
  });
}

async function moveSome(resource: BoundResource, rows: number): Promise<void> {
  for (let moved = 0, after: string | null = null; moved < rows / 10;) {
    const chunk: PublicRecord[] = (await resource.legacy.scan(after, SCAN)).slice(
      0,
      Math.ceil(rows / 10) - moved,
    );
    const keys = chunk.map((record) => resource.mapping.keyOf(record));
    await resource.new.upsertMany(chunk);
    await resource.database.query(
      `INSERT INTO banyan.moved (resource, generation, key) SELECT 'clients', 1, k FROM unnest($1::text[]) AS t (k)`,
      [keys],
    );
    moved += chunk.length;
    after = keys.at(-1) ?? null;
  }
  await resource.database.query('ANALYZE banyan.moved');
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work();
  return performance.now() - started;
}

async function readAll(side: RecordSide, keyOf: BoundResource['mapping']): Promise<PublicRecord[]> {
  const all: PublicRecord[] = [];
  for (let after: string | null = null; ;) {
    const page: PublicRecord[] = await side.scan(after, SCAN);
    for (const record of page) all.push(record);
    if (page.length < SCAN) return all;
    after = keyOf.keyOf(page.at(-1) as PublicRecord);
  }
}

/** Fetch both, concatenate (new wins), sort, cut. */
async function naively({ legacy, new: fresh, mapping }: BoundResource): Promise<void> {
  const [old, now] = await Promise.all([readAll(legacy, mapping), readAll(fresh, mapping)]);
  const all = new Map(old.map((record) => [mapping.keyOf(record), record]));
  for (const record of now) all.set(mapping.keyOf(record), record);
  const typeOf = (field: string) => mapping.field(field)?.type ?? 'text';
  [...all.values()].sort((a, b) => compareRecords(SORT, typeOf, a, b)).slice(0, PAGE);
}

async function prepared({ rows, legacyUrl, newUrl }: MergedVolume): Promise<BoundResource> {
  const env = { LEGACY_DATABASE_URL: legacyUrl, DATABASE_URL: newUrl };
  const config = loadConfig({ file: resolve(ROOT, 'bench/merged.config.yaml'), env });
  if (!config.ok)
    throw new Error(config.problems.map(({ found, expected }) => `${found}: ${expected}`).join('; '));
  const binding = await bindSnapshot(config.snapshot, () => undefined);
  const resource = binding.resources.get('clients') as BoundResource;
  await migrateAll(binding);
  await registerResources(binding.database, ['clients']);
  await fill(legacyUrl, rows, 'tel');
  await fill(newUrl, rows, 'phone');
  await binding.database.query(
    `UPDATE banyan.resource SET mode = 'merged', "primary" = 'new', generation = 1 WHERE name = 'clients'`,
  );
  await moveSome(resource, rows);
  return resource;
}

const random = new Random(1);

/** Pages begin anywhere in the list, as those of readers who came by a cursor. */
function somewhere(): Condition {
  const moment = new Date(Date.now() - random.next() * 690 * 86_400_000).toISOString();
  return afterRow([...SORT], [moment, '00000000-0000-4000-8000-000000000000']);
}

async function list(resource: BoundResource, where: Condition | null, total = false): Promise<number> {
  const query = { where, sort: [...SORT], limit: PAGE + 1, offset: 0, total };
  return await timed(() => listMerged(resource, 1, query));
}

async function rounds(count: number, work: () => Promise<number>): Promise<number[]> {
  const times: number[] = [];
  for (let round = 0; round < count; round += 1) times.push(await work());
  return times;
}

const { volumes, pages } = input<MergedInput>();
const all: { volume: MergedVolume; resource: BoundResource; times: number[] }[] = [];
for (const volume of volumes) all.push({ volume, resource: await prepared(volume), times: [] });
for (const { resource } of all) await rounds(10, () => list(resource, somewhere()));
// By turns: whatever else the machine does then falls on each volume.
for (let page = 0; page < pages; page += 1)
  for (const { resource, times } of all) times.push(await list(resource, somewhere()));
const found: MergedAnswer[] = [];
for (const { volume, resource, times } of all)
  found.push({
    page: median(times),
    p95: quantile(times, 0.95),
    total: median(await rounds(3, () => list(resource, null, true))),
    naive: median(await rounds(volume.naive, () => timed(() => naively(resource)))),
  });
answer(found);

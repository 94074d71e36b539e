import type pg from 'pg';
import { withClient } from './accounts.ts';
import { LEGACY_TABLES, type LegacyTable } from './legacy-schema.ts';
import { Random } from './random.ts';
import { ROW_MAKERS, type SampleRow } from './sample-rows.ts';
import type { Log } from './trouble.ts';

export interface SampleOptions {
  /** Share of the full volume, from 0 to 1. */
  scale?: number;
  /** The same seed and scale make the same rows. */
  seed?: number;
  log?: Log;
}

/** Rows of each table at scale 1. */
export const VOLUMES: Readonly<Record<LegacyTable, number>> = {
  clients: 10_000,
  services: 500,
  engagements: 30_000,
  companies: 2_000,
  leads: 5_000,
};

const CHUNK = 1_000;

/** Fills the legacy tables unless one of them has a row already; one transaction. Answers whether it did. */
export async function loadSampleData(databaseUrl: string, options: SampleOptions = {}): Promise<boolean> {
  return withClient(databaseUrl, async (client) => {
    if (await hasRows(client)) return false;
    const counts = volumes(options.scale ?? 1);
    options.log?.(
      `Loading sample data: ${LEGACY_TABLES.map((table) => `${counts[table]} ${table}`).join(', ')}.`,
    );
    await client.query('BEGIN');
    for (const [table, rows] of makeSampleData(options)) await insert(client, table, rows);
    await client.query('COMMIT');
    // Else the first lists would be planned for empty tables.
    await client.query(`ANALYZE ${LEGACY_TABLES.join(', ')}`);
    return true;
  });
}

async function hasRows(client: pg.Client): Promise<boolean> {
  const tests = LEGACY_TABLES.map((table) => `EXISTS (SELECT FROM ${table})`).join(' OR ');
  const found = await client.query<{ any: boolean }>(`SELECT ${tests} AS any`);
  return found.rows[0]?.any === true;
}

/** Every row of a chunk travels in one JSON document, which Postgres takes apart by the table's own types. */
async function insert(client: pg.Client, table: LegacyTable, rows: SampleRow[]): Promise<void> {
  for (let start = 0; start < rows.length; start += CHUNK) {
    const chunk = JSON.stringify(rows.slice(start, start + CHUNK));
    await client.query(`INSERT INTO ${table} SELECT * FROM jsonb_populate_recordset(NULL::${table}, $1)`, [
      chunk,
    ]);
  }
}

function volumes(scale: number): Record<LegacyTable, number> {
  const scaled = LEGACY_TABLES.map((table) => [table, Math.max(1, Math.round(VOLUMES[table] * scale))]);
  return Object.fromEntries(scaled) as Record<LegacyTable, number>;
}

/** The rows of every table, in the order in which they may be inserted. */
export function makeSampleData(options: SampleOptions = {}): [LegacyTable, SampleRow[]][] {
  const counts = volumes(options.scale ?? 1);
  const made = new Map<LegacyTable, SampleRow[]>();
  const keys = (table: LegacyTable) => (made.get(table) ?? []).map((row) => row.id as string);
  LEGACY_TABLES.forEach((table, place) => {
    const random = new Random((options.seed ?? 1) * 100 + place);
    const rows = Array.from({ length: counts[table] }, (_, index) => ROW_MAKERS[table](random, index, keys));
    made.set(table, rows);
  });
  return [...made];
}

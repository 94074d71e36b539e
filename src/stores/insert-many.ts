import pLimit from 'p-limit';
import { BanyanError, isBanyanError } from '../domain/errors.ts';
import type { Row } from '../domain/values.ts';
import type { InsertManyOptions, InsertOutcome, Table } from './contract.ts';

/** Requests at the same time where a store takes rows one by one. */
const PARALLEL = 8;

/** Creates rows by whatever the table can do best; one answer for each, in their order. */
export async function insertMany(
  table: Table,
  rows: readonly Row[],
  options: InsertManyOptions = {},
): Promise<InsertOutcome[]> {
  if (table.insertMany) return await table.insertMany(rows, options);
  const limit = pLimit(PARALLEL);
  const insert = async (row: Row) => {
    options.beforeRequest?.();
    return { row: await table.insert(row) };
  };
  return await Promise.all(rows.map((row) => limit(insert, row).catch(outcomeOf)));
}

/**
 * For stores that take many rows in one request which stands or falls as a whole: a refused request is sent again in two
 * halves, down to the rows that are refused. With `n` rows and few bad ones among them that is about log n requests each.
 */
export async function insertByHalves(
  rows: readonly Row[],
  options: InsertManyOptions,
  insertAll: (rows: readonly Row[]) => Promise<Row[]>,
): Promise<InsertOutcome[]> {
  if (rows.length === 0) return [];
  try {
    options.beforeRequest?.();
    return (await insertAll(rows)).map((row) => ({ row }));
  } catch (error) {
    if (options.atomic) throw error;
    if (rows.length === 1 || !isFaultOfRow(error)) return rows.map(() => outcomeOf(error));
    const half = rows.length >> 1;
    const first = await insertByHalves(rows.slice(0, half), options, insertAll);
    return [...first, ...(await insertByHalves(rows.slice(half), options, insertAll))];
  }
}

/** Whether a request failed for what a row holds, so that other rows may be taken. */
function isFaultOfRow(error: unknown): boolean {
  return isBanyanError(error, 'duplicate', 'reference-missing', 'constraint-violated', 'validation-failed');
}

export function outcomeOf(error: unknown): { error: BanyanError } {
  if (isBanyanError(error)) return { error };
  return { error: new BanyanError('internal', undefined, { outcome: 'unknown', cause: error }) };
}

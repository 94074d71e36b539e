import pLimit from 'p-limit';
import { BanyanError, isBanyanError } from '../domain/errors.ts';
import type { Row } from '../domain/values.ts';
import { wasNotDone } from './attempts.ts';
import type { InsertManyOptions, InsertOutcome, Store, Table } from './contract.ts';

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

/** As `insertMany`; rows that certainly were not made are sent again, by the store's settings and while `inTime`. */
export async function insertManyAgain(
  store: Store,
  table: Table,
  rows: readonly Row[],
  { inTime, ...options }: InsertManyOptions & { inTime: () => boolean },
): Promise<InsertOutcome[]> {
  if (!store.repeat) return await insertMany(table, rows, options);
  const outcomes: InsertOutcome[] = [];
  let left = rows.map((_, place) => place);
  let reason: BanyanError | null = null;
  const round = async () => {
    reason = null;
    const sent = left.map((place) => rows[place] as Row);
    const done = await insertMany(table, sent, options);
    for (const [index, place] of left.entries()) outcomes[place] = done[index] as InsertOutcome;
    const errors = left.map((place) => errorOf(outcomes[place]));
    left = left.filter((_, index) => wasNotDone(errors[index]));
    reason = errors.find(wasNotDone) ?? null;
    if (reason) throw reason;
  };
  await store.repeat(round, inTime).catch((error: unknown) => {
    // Of single rows: they say it themselves.
    if (reason === null || error !== reason) throw error;
  });
  return outcomes;
}

function errorOf(outcome: InsertOutcome | undefined): BanyanError | null {
  return outcome && 'error' in outcome ? outcome.error : null;
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

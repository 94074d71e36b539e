import { isDeepStrictEqual } from 'node:util';
import { BanyanError } from '../domain/errors.ts';
import { syncsNow } from '../domain/modes.ts';
import { afterRow, type Condition, type Estimate } from '../domain/query.ts';
import type { Sql } from '../domain/sql.ts';
import type { Key } from '../domain/words.ts';
import { readCheckpoint, type Checkpoint, type Generation } from '../state/moved.ts';
import { readState } from '../state/resources.ts';
import type { BoundResource, RecordSide } from './resource.ts';

/** Keys that one condition names: stores behind HTTP have them in a URL, and servers refuse one of more than 8 kB. */
const BATCH = 150;

/** Some records of legacy that count once more (1) or once less (-1). */
export interface Part {
  sign: 1 | -1;
  /** Null: all of them. */
  where: Condition | null;
}

/**
 * The records of legacy that new has not taken over, as a sum of parts that legacy can count by its key's index, without
 * reading any: those beyond the mover's checkpoint, less what was changed or deleted ahead of it, and those that new
 * refused behind it. There are as many parts as such keys, in batches; after the last step of the mover there is none.
 */
export function partsOf(resource: BoundResource, checkpoint: Checkpoint): Part[] {
  const { done, lastKey } = checkpoint;
  const { mapping } = resource;
  const inLegacy = (key: Key) => mapping.ids.onSide('legacy', key) !== null;
  const isBehind = (key: Key) => done || (lastKey !== null && mapping.ids.compareInLegacy(key, lastKey) <= 0);
  return [
    ...(done ? [] : [{ sign: 1 as const, where: lastKey === null ? null : beyond(resource, lastKey) }]),
    ...batches(
      resource,
      -1,
      checkpoint.ahead.filter((key) => inLegacy(key) && !isBehind(key)),
    ),
    ...batches(resource, 1, checkpoint.refused.filter(isBehind)),
  ];
}

function beyond({ mapping }: BoundResource, key: Key): Condition {
  const sort = mapping.keys.map(({ name }) => ({ field: name, descending: false }));
  const values = mapping.keyValues(key);
  return afterRow(
    sort,
    sort.map(({ field }) => values[field] ?? null),
    () => false,
  );
}

function batches(resource: BoundResource, sign: 1 | -1, keys: readonly Key[]): Part[] {
  const parts: Part[] = [];
  for (let at = 0; at < keys.length; at += BATCH)
    parts.push({ sign, where: oneOf(resource, keys.slice(at, at + BATCH)) });
  return parts;
}

/** The condition "is one of these records". */
export function oneOf({ mapping }: BoundResource, keys: readonly Key[]): Condition {
  const values = keys.map((key) => mapping.keyValues(key));
  const [field, ...more] = mapping.keys.map(({ name }) => name) as [string, ...string[]];
  if (more.length === 0) return { field, op: 'in', value: values.map((record) => record[field] ?? null) };
  const equal = (record: (typeof values)[number]): Condition => ({
    and: [field, ...more].map((name) => ({ field: name, op: 'eq', value: record[name] ?? null })),
  });
  return { or: values.map(equal) };
}

export function both(a: Condition | null, b: Condition | null): Condition | null {
  return a && b ? { and: [a, b] } : (a ?? b);
}

/**
 * What new holds and how far the mover is, in one snapshot: legacy is only read in this mode, so whatever is asked of it
 * afterwards is of that moment too, however many records move meanwhile.
 */
export async function inOneSnapshot<T>(
  resource: BoundResource,
  generation: Generation,
  ask: (side: RecordSide, sql: Sql) => Promise<T>,
): Promise<{ fresh: T; parts: Part[] }> {
  if (resource.isWithin) return await betweenMoves(resource, generation, ask);
  const { fresh, checkpoint } = await resource.database.transaction(async (sql) => {
    await sql.query('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ');
    return {
      fresh: await ask(resource.new.within(sql), sql),
      checkpoint: await readCheckpoint(sql, generation),
    };
  });
  return { fresh, parts: partsOf(resource, checkpoint) };
}

/** Looks between two moves that a transaction without one snapshot takes before it gives up. */
const LOOKS = 20;

/** The same inside a transaction whose statements each see what others have committed: between two moves. */
async function betweenMoves<T>(
  resource: BoundResource,
  generation: Generation,
  ask: (side: RecordSide, sql: Sql) => Promise<T>,
): Promise<{ fresh: T; parts: Part[] }> {
  let before = await readCheckpoint(resource.database, generation);
  for (let look = 0; look < LOOKS; look++) {
    const fresh = await ask(resource.new, resource.database);
    const after = await readCheckpoint(resource.database, generation);
    if (isDeepStrictEqual(after, before)) return { fresh, parts: partsOf(resource, after) };
    before = after;
  }
  const message = `records of ${resource.name} are being moved faster than they can be counted in a transaction`;
  throw new BanyanError('write-conflict', message);
}

/** What is counted: all that holds for a condition, which compares text in a collation; exactly, or about. */
export interface Counted {
  where: Condition | null;
  collation?: string | undefined;
  how: keyof typeof COUNTS;
}

/** How records of one side are counted. An estimate is none of a certain collation's. */
const COUNTS = {
  exact: async (side: RecordSide, { where, collation }: Omit<Counted, 'how'>): Promise<Estimate> => ({
    count: await side.count(where ?? undefined, collation),
    exact: true,
  }),
  estimate: async (side: RecordSide, { where }: Omit<Counted, 'how'>): Promise<Estimate> =>
    await side.estimate(where),
};

/** Number of records that hold for a condition, of both sides together. */
export async function countMerged(
  resource: BoundResource,
  generation: number,
  counted: Counted,
): Promise<Estimate> {
  const of = { resource: resource.name, generation };
  const { fresh, parts } = await inOneSnapshot(resource, of, (side) => COUNTS[counted.how](side, counted));
  return await asItIs(resource, parts, await countParts(resource, parts, counted, fresh));
}

/** Number of legacy's own records that hold for a condition, in `split`. */
export async function countLegacys(
  resource: BoundResource,
  generation: number,
  where: Condition | null,
  how: Counted['how'],
): Promise<Estimate> {
  const of = { resource: resource.name, generation };
  const parts = partsOf(resource, await readCheckpoint(resource.database, of));
  const counted = await countParts(resource, parts, { where, how }, { count: 0, exact: true });
  return await asItIs(resource, parts, counted);
}

/**
 * M7: while a way back pushes, legacy gets records between two looks at it, so that what is made of several parts may be
 * off by those: then it is declared to be an estimate. Asked afterwards: until then nothing was pushed.
 */
async function asItIs(
  { database, name }: BoundResource,
  parts: readonly Part[],
  counted: Estimate,
): Promise<Estimate> {
  if (parts.length === 0 || !counted.exact) return counted;
  const state = await readState(database, name);
  return { ...counted, exact: state !== null && !syncsNow(state) };
}

async function countParts(
  { legacy }: BoundResource,
  parts: readonly Part[],
  { where, collation, how }: Counted,
  first: Estimate,
): Promise<Estimate> {
  const counts = await Promise.all(
    parts.map(async ({ sign, where: part }) => {
      const { count, exact } = await COUNTS[how](legacy, { where: both(where, part), collation });
      return { count: sign * count, exact };
    }),
  );
  const count = counts.reduce((sum, part) => sum + part.count, first.count);
  return { count: Math.max(0, count), exact: first.exact && counts.every(({ exact }) => exact) };
}

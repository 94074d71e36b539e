import { BanyanError, isBanyanError } from '../domain/errors.ts';
import { BYTES, compareValues, goesByBytes } from '../domain/order.ts';
import type { SortBy } from '../domain/query.ts';
import type { Sql } from '../domain/sql.ts';
import type { Side } from '../domain/words.ts';
import { findCollation, ranksOf } from '../postgres/collations.ts';
import { fieldOrder, sharedCollation } from './merge-order.ts';
import type { BoundResource, RecordSide } from './resource.ts';

/** Records at each end of a list whose order is looked at. */
const SAMPLE = 200;

/** What may be the order of a store that nobody has named, or named wrongly. */
const USUAL = ['C.UTF-8', 'en_US.UTF-8', 'en-US-x-icu', 'und-x-icu'];

/** Types in which text has the order of a collation; of the others, e.g. enums, each has its own. */
const PLAIN_TEXT = /^(text|character|varchar|char|bpchar|name|uuid|unknown)\b/;
/** A type to which different texts are equal: no page could begin between them, whatever the store is asked for. */
const WITHOUT_CASE = /\bcitext\b/;

export interface SortProblem {
  field: string;
  reason: string;
  /** Collations in whose order the field's values stand in legacy. */
  fitting: readonly string[];
}

/** Fields that lists may be sorted by, and by which the two sides together cannot be; empty when all can. */
export async function sortProblems(resource: BoundResource): Promise<SortProblem[]> {
  const { mapping, settings } = resource;
  const named = settings.query.sort.map((entry) => entry.replace(/^-/, ''));
  const fields = new Set([...named, ...mapping.keys.map(({ name }) => name)]);
  const natives = await nativesOf(resource);
  const problems: SortProblem[] = [];
  for (const field of fields) {
    const order = fieldOrder(resource, field);
    const reason = typeof order === 'object' ? order.refused : unsortable(resource, field);
    if (reason !== null) {
      const isUnnamed = typeof order === 'object' && order.isUnnamed;
      const fitting = isUnnamed ? await fittingOf(resource, await endsOf(resource, field)) : [];
      problems.push({ field, reason, fitting });
    } else if (order === 'text') {
      const found = typeProblem(resource, natives, field) ?? (await textProblem(resource, field));
      if (found) problems.push({ field, ...found });
    }
  }
  return problems;
}

/** Where legacy holds a field in another form, its order there is another one. */
function unsortable({ mapping }: BoundResource, field: string): string | null {
  try {
    mapping.sort('legacy', [{ field, descending: false }]);
    return null;
  } catch (error) {
    if (error instanceof BanyanError) return error.message;
    throw error;
  }
}

type Natives = Readonly<Record<Side, ReadonlyMap<string, string>>>;
type Reason = Omit<SortProblem, 'field'>;

/** The stores' own types of the columns, where they tell. */
async function nativesOf({ legacy, new: fresh }: BoundResource): Promise<Natives> {
  const typesOf = async ({ store, table }: RecordSide) => {
    const described = store.capabilities.describesTables ? await table.describe() : null;
    return new Map(described?.columns.map(({ name, nativeType }) => [name, nativeType]));
  };
  return { legacy: await typesOf(legacy), new: await typesOf(fresh) };
}

/** Whether a side has the field in a type whose order is not that of any collation. */
function typeProblem(resource: BoundResource, natives: Natives, field: string): Reason | null {
  for (const { side, store } of [resource.legacy, resource.new]) {
    const native = natives[side].get(resource.mapping.field(field)?.columns[side] ?? '');
    const isAsked = store.capabilities.textOrder === undefined;
    if (native === undefined || (isAsked ? !WITHOUT_CASE.test(native) : PLAIN_TEXT.test(native))) continue;
    return { reason: `${side} holds it as ${native}, which has an order of its own`, fitting: [] };
  }
  return null;
}

/** What keeps a store whose order of text only its settings say from sorting by a field. */
async function textProblem(resource: BoundResource, field: string): Promise<Reason | null> {
  const { legacy, database } = resource;
  if (legacy.store.capabilities.textOrder === undefined) return null;
  try {
    const { name, declared } = await sharedCollation(resource);
    const ends = await endsOf(resource, field);
    const wrong = await firstWrong(database, name, ends);
    if (!wrong) return null;
    const [first, second] = wrong.map((text) => JSON.stringify(text));
    const reason = `legacy has ${first} before ${second}, which is not the order of ${declared}`;
    return { reason, fitting: await fittingOf(resource, ends) };
  } catch (error) {
    if (!isBanyanError(error, 'collation-missing', 'too-many-records')) throw error;
    return { reason: error.message, fitting: [] };
  }
}

/** A field's values at both ends of legacy's list, upwards. */
async function endsOf({ legacy, mapping }: BoundResource, field: string): Promise<string[][]> {
  const byBytes = legacy.store.capabilities.bytewiseText === true;
  const end = async (descending: boolean): Promise<string[]> => {
    const keys = mapping.keys.map(({ name }): SortBy => ({ field: name, descending }));
    const sort = [{ field, descending }, ...keys.filter((by) => by.field !== field)];
    const page = { sort, limit: SAMPLE, offset: 0, total: false, ...(byBytes ? { collation: BYTES } : {}) };
    const there = { field, op: 'null', value: false } as const;
    const { records } = await legacy.list({ ...page, where: mapping.isKeyField(field) ? null : there });
    return records.map((record) => String(record[field]));
  };
  const [first, last] = await Promise.all([end(false), end(true)]);
  return [first, last.reverse()];
}

/** The first two neighbours that a collation has the other way round. */
async function firstWrong(
  database: Sql,
  collation: string,
  ends: readonly string[][],
): Promise<[string, string] | null> {
  const ranks = collation === BYTES ? null : await ranksOf(database, collation, new Set(ends.flat()));
  const compare = (a: string, b: string) =>
    ranks ? (ranks.get(a) as number) - (ranks.get(b) as number) : compareValues('text', a, b);
  for (const texts of ends)
    for (const [index, text] of texts.entries()) {
      const before = texts[index - 1];
      if (before !== undefined && compare(before, text) > 0) return [before, text];
    }
  return null;
}

async function fittingOf({ database }: BoundResource, ends: readonly string[][]): Promise<string[]> {
  const fitting: string[] = [];
  for (const usual of USUAL) {
    const name = goesByBytes(usual) ? BYTES : await findCollation(database, usual);
    if (name !== null && !(await firstWrong(database, name, ends))) fitting.push(usual);
  }
  return fitting;
}

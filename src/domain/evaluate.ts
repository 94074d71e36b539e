import { Decimal } from 'decimal.js';
import { BanyanError } from './errors.ts';
import { valueProblem } from './json-values.ts';
import type { ColumnSpec, ValueType } from './model.ts';
import type { Condition, Operator, SortBy } from './query.ts';
import { isExactNumber, numberText, sameValue, stringifyJson, type Row, type Value } from './values.ts';

/**
 * Conditions and orders evaluated in memory, for stores that have no query language. They mean what they mean in
 * Postgres: null is equal to nothing and is the greatest value of a sort, numbers compare by value, timestamps to the
 * microsecond, text by its code points (COLLATE "C"). A column that a row lacks is null here.
 */
export const EVALUATED: readonly Operator[] = ['eq', 'ne', 'gt', 'gte', 'lt', 'lte', 'in', 'contains'];

export type Columns = ReadonlyMap<string, ColumnSpec>;
export type Predicate = (row: Row) => boolean;

type Leaf = Exclude<Condition, { and: Condition[] } | { or: Condition[] }>;

/** Whether a row holds for a condition. Fails with invalid-query where the condition names what is not there. */
export function predicate(where: Condition | null | undefined, columns: Columns): Predicate {
  if (!where) return () => true;
  if ('and' in where) {
    const parts = where.and.map((part) => predicate(part, columns));
    return (row) => parts.every((part) => part(row));
  }
  if ('or' in where) {
    const parts = where.or.map((part) => predicate(part, columns));
    return (row) => parts.some((part) => part(row));
  }
  return leafPredicate(where, columnOf(where.field, columns));
}

const COMPARISONS: Readonly<Record<'eq' | 'ne' | 'gt' | 'gte' | 'lt' | 'lte', (order: number) => boolean>> = {
  eq: (order) => order === 0,
  ne: (order) => order !== 0,
  gt: (order) => order > 0,
  gte: (order) => order >= 0,
  lt: (order) => order < 0,
  lte: (order) => order <= 0,
};

function leafPredicate(leaf: Leaf, column: ColumnSpec): Predicate {
  const valueOf = (row: Row) => row[leaf.field] ?? null;
  if (leaf.op === 'null') return (row) => (valueOf(row) === null) === leaf.value;
  if (leaf.op === 'in') {
    const wanted = leaf.value.filter((value) => value !== null);
    for (const value of wanted) check(value, column);
    return (row) => {
      const value = valueOf(row);
      return value !== null && wanted.some((one) => compareValues(column, value, one) === 0);
    };
  }
  const { op, value: wanted } = leaf;
  if (wanted === null) {
    // SQL: nothing is equal to null or beyond it; a test for null is what eq and ne of null can only mean.
    if (op !== 'eq' && op !== 'ne') return () => false;
    return (row) => (valueOf(row) === null) === (op === 'eq');
  }
  if (op === 'contains') return containsPredicate(leaf.field, wanted, column);
  check(wanted, column);
  const holds = COMPARISONS[op];
  return (row) => {
    const value = valueOf(row);
    return value !== null && holds(compareValues(column, value, wanted));
  };
}

/** Text that has the value in it, whatever its case; a list that has the elements; a document that has the members. */
function containsPredicate(field: string, wanted: Value, column: ColumnSpec): Predicate {
  if (column.list) {
    const items = Array.isArray(wanted) ? wanted : [wanted];
    check(items, column);
    return (row) => {
      const list = row[field];
      return Array.isArray(list) && items.every((item) => list.some((one) => sameValue(one, item)));
    };
  }
  if (column.type === 'json') return (row) => holdsWithin(row[field] ?? null, wanted);
  const part = textOf(wanted).toLowerCase();
  return (row) => {
    const value = row[field] ?? null;
    return value !== null && textOf(value).toLowerCase().includes(part);
  };
}

/** The containment of jsonb; at the top, and only there, a list also contains a single value that is in it. */
function holdsWithin(whole: Value, part: Value): boolean {
  const single = Array.isArray(whole) && !Array.isArray(part) && !isObject(part);
  return whole !== null && within(whole, single ? [part] : part);
}

/** Members and elements of `part` are in `whole`, at the same depth. */
function within(whole: Value | undefined, part: Value): boolean {
  if (Array.isArray(whole) && Array.isArray(part))
    return part.every((item) => whole.some((one) => within(one, item)));
  if (!isObject(whole) || !isObject(part)) return sameValue(whole, part);
  return Object.entries(part).every(
    ([name, value]) => Object.hasOwn(whole, name) && within(whole[name], value),
  );
}

function isObject(value: Value | undefined): value is { [name: string]: Value } {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !isExactNumber(value);
}

function columnOf(field: string, columns: Columns): ColumnSpec {
  const column = columns.get(field);
  if (column) return column;
  const message = `There is no column "${field}"; there are ${[...columns.keys()].join(', ')}.`;
  throw new BanyanError('invalid-query', message, { details: { field } });
}

function check(value: Value, column: ColumnSpec): void {
  const problem = valueProblem(value, column);
  if (problem === null) return;
  throw new BanyanError('invalid-query', `What "${column.name}" is compared with ${problem}.`, {
    details: { field: column.name },
  });
}

/** The order of two rows by the values of their sort fields, which are given in the order of `sort`. */
export function rowOrder(
  sort: readonly SortBy[],
  columns: Columns,
): (a: readonly Value[], b: readonly Value[]) => number {
  const specs = sort.map(({ field }) => columnOf(field, columns));
  return (a, b) => {
    for (const [index, { descending }] of sort.entries()) {
      const order = withNulls(specs[index] as ColumnSpec, a[index] ?? null, b[index] ?? null);
      if (order !== 0) return descending ? -order : order;
    }
    return 0;
  };
}

function withNulls(column: ColumnSpec, a: Value, b: Value): number {
  if (a === null || b === null) return Number(a === null) - Number(b === null);
  return compareValues(column, a, b);
}

const NUMERIC: readonly ValueType[] = ['int', 'bigint', 'decimal', 'float'];

/** The order of two values of a column, neither of them null; 0 where they are the same. */
export function compareValues({ type, list }: ColumnSpec, a: Value, b: Value): number {
  if (list || type === 'json') return sameValue(a, b) ? 0 : compareText(textOf(a), textOf(b));
  if (NUMERIC.includes(type)) return compareNumbers(a, b);
  if (typeof a === 'boolean' && typeof b === 'boolean') return Number(a) - Number(b);
  if (type === 'timestamp') return compareText(sortableMoment(textOf(a)), sortableMoment(textOf(b)));
  return compareText(textOf(a), textOf(b));
}

/** By value; as in Postgres, NaN is greater than all numbers. What is no number at all comes behind. */
function compareNumbers(a: Value, b: Value): number {
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  const [x, y] = [rank(a), rank(b)];
  if (x !== y || x !== 1) return x === 4 && y === 4 ? compareText(textOf(a), textOf(b)) : x - y;
  return new Decimal(textOf(a)).cmp(new Decimal(textOf(b)));
}

const SPECIAL: Readonly<Record<string, number>> = { '-Infinity': 0, Infinity: 2, NaN: 3 };

function rank(value: Value): number {
  if (typeof value === 'number' || isExactNumber(value)) return 1;
  return SPECIAL[textOf(value)] ?? 4;
}

/** Canonical timestamps have three fraction digits or six; `infinity` and years beyond 9999 go to their ends. */
function sortableMoment(text: string): string {
  if (text.length === 24) return `${text.slice(0, 23)}000Z`;
  if (text.endsWith(' BC')) return ` ${text}`;
  return text.replace(/^-infinity$/, '').replace(/^(?=infinity|\d{5,}-)/, '~');
}

/** By code points, which is the order of UTF-8's bytes. */
export function compareText(a: string, b: string): number {
  if (a === b) return 0;
  const length = Math.min(a.length, b.length);
  for (let at = 0; at < length; at++) {
    const x = a.charCodeAt(at);
    const y = b.charCodeAt(at);
    if (x !== y) return codePointRank(x) - codePointRank(y);
  }
  return a.length - b.length;
}

/** Half of a pair stands for a code point above all that need one unit. */
function codePointRank(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit;
}

function textOf(value: Value): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'number' || isExactNumber(value)) return numberText(value);
  return stringifyJson(value);
}

import { Decimal } from 'decimal.js';
import { BanyanError } from './errors.ts';
import type { ValueType } from './model.ts';
import type { SortBy } from './query.ts';
import { numberText, isExactNumber, stringifyJson, type PublicRecord, type Value } from './values.ts';

/** Types of which every store has the same order. That of text is a collation's. */
const NUMBERS: ReadonlySet<ValueType> = new Set(['int', 'bigint', 'decimal', 'float']);
const TEXTS: ReadonlySet<ValueType> = new Set(['text', 'enum']);
const UNORDERED: ReadonlySet<ValueType> = new Set(['json', 'bytes']);

/** The collation that goes by the bytes of UTF-8. */
export const BYTES = 'C';
/** Further names of the same order in Postgres: that of code points, which is that of their bytes. */
const BYTEWISE = /^(c|posix|ucs_basic|c\.utf-?8|pg_c_utf8|pg_unicode_fast)$/i;

/** Whether text goes by its bytes in a collation. */
export function goesByBytes(collation: string): boolean {
  return BYTEWISE.test(collation);
}

/** How two stores agree on the order of a type's values: by themselves, if both go by one collation, or not at all. */
export function agreementOf(type: ValueType, list: boolean): 'always' | 'text' | 'never' {
  if (list || UNORDERED.has(type)) return 'never';
  return TEXTS.has(type) ? 'text' : 'always';
}

/**
 * The order of two values of a field: as Postgres has it, nulls last, text by the bytes of its UTF-8. Exact for numbers
 * of any size, also where they stand as text. Returns a negative number, 0 or a positive number.
 */
export function compareValues(type: ValueType, a: Value, b: Value): number {
  if (a === null || b === null) return a === b ? 0 : a === null ? 1 : -1;
  if (NUMBERS.has(type)) return compareNumbers(a, b);
  if (typeof a === 'boolean' || typeof b === 'boolean') return Number(a) - Number(b);
  const [x, y] = type === 'timestamp' ? [moment(a), moment(b)] : [textOf(a), textOf(b)];
  return TEXTS.has(type) ? Buffer.compare(Buffer.from(x), Buffer.from(y)) : x < y ? -1 : x > y ? 1 : 0;
}

function compareNumbers(a: Value, b: Value): number {
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  const [x, y] = [decimalOf(a), decimalOf(b)];
  // Postgres has NaN behind all numbers.
  return x.isNaN() || y.isNaN() ? Number(x.isNaN()) - Number(y.isNaN()) : x.comparedTo(y);
}

function decimalOf(value: Value): Decimal {
  const text = textOf(value);
  try {
    return new Decimal(text);
  } catch (error) {
    const shown = JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}…` : text);
    const message = `a column of numbers holds ${shown}, which is none and has no place in their order`;
    throw new BanyanError('store-answer', message, { cause: error });
  }
}

function textOf(value: Value): string {
  if (typeof value === 'string') return value;
  return typeof value === 'number' || isExactNumber(value) ? numberText(value) : stringifyJson(value);
}

/** With six fraction digits always; `infinity` comes after, `-infinity` before every digit. */
function moment(value: Value): string {
  const text = textOf(value);
  return /\.\d{3}Z$/.test(text) ? `${text.slice(0, -1)}000Z` : text;
}

/** The order of two records under a sort, by the types of its fields. */
export function compareRecords(
  sort: readonly SortBy[],
  typeOf: (field: string) => ValueType,
  a: PublicRecord,
  b: PublicRecord,
): number {
  return compareBy(sort, (field, x, y) => compareValues(typeOf(field), x, y), a, b);
}

/** The order of two records under a sort, by an order of the values of each field. */
export function compareBy(
  sort: readonly SortBy[],
  compare: (field: string, a: Value, b: Value) => number,
  a: PublicRecord,
  b: PublicRecord,
): number {
  for (const { field, descending } of sort) {
    const order = compare(field, a[field] ?? null, b[field] ?? null);
    if (order !== 0) return descending ? -order : order;
  }
  return 0;
}

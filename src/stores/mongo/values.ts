import { Binary, Decimal128, Double, Long, ObjectId } from 'mongodb';
import { valueProblem } from '../../domain/json-values.ts';
import type { ColumnSpec, KeyType, ValueType } from '../../domain/model.ts';
import { isExactNumber, numberText, type Value } from '../../domain/values.ts';
import { bsonTypeOf, plain } from './plain.ts';

/**
 * How a column's values stand in a document. `read` gives undefined for a value of another type: MongoDB checks none, so
 * any may be there. `write` gets a canonical value of the type and gives null where the BSON type cannot hold it exactly.
 */
interface Codec {
  read(native: unknown): Value | undefined;
  write(value: Value): unknown;
}

const CODECS: Readonly<Record<ValueType, Codec>> = {
  text: { read: text, write: same },
  enum: { read: text, write: same },
  uuid: { read: text, write: same },
  date: { read: text, write: same },
  time: { read: text, write: same },
  objectid: {
    read: (native) => (native instanceof ObjectId ? native.toHexString() : undefined),
    write: (value) => ObjectId.createFromHexString(value as string),
  },
  int: { read: integer, write: (value) => Number(numeric(value)) },
  bigint: { read: integer, write: (value) => Long.fromString(numeric(value)) },
  decimal: { read: number, write: decimal128 },
  float: { read: number, write: (value) => new Double(Number(numeric(value))) },
  boolean: { read: (native) => (typeof native === 'boolean' ? native : undefined), write: same },
  timestamp: { read: (native) => (isMoment(native) ? plain(native) : undefined), write: moment },
  bytes: { read: bytes, write: (value) => new Binary(Buffer.from(value as string, 'base64')) },
  json: { read: plain, write: bson },
};

/** What a document holds in a column; `misfit` names the BSON type that was found where it is not the column's. */
export interface Found {
  value: Value;
  misfit: string | null;
}

export function readColumn(native: unknown, { type, list }: ColumnSpec): Found {
  if (native === null || native === undefined) return { value: null, misfit: null };
  const { read } = CODECS[type];
  if (!list) return found(native, read(native));
  if (!Array.isArray(native)) return found(native, undefined);
  const misfit = native.find((item) => item !== null && read(item) === undefined) as unknown;
  if (misfit !== undefined) return { value: plain(native), misfit: `list with ${bsonTypeOf(misfit)}` };
  return {
    value: native.map((item: unknown) => (item === null ? null : (read(item) as Value))),
    misfit: null,
  };
}

function found(native: unknown, value: Value | undefined): Found {
  return value === undefined ? { value: plain(native), misfit: bsonTypeOf(native) } : { value, misfit: null };
}

/** Whether a value that fits its column is written back as another BSON type: programs tell a double from a Decimal128. */
export function comesBackRetyped(native: unknown, { type, list }: ColumnSpec): boolean {
  if (type !== 'decimal' || native === null) return false;
  const items: unknown[] = list && Array.isArray(native) ? native : [native];
  return items.some((item) => item !== null && !(item instanceof Decimal128));
}

/** A canonical value as BSON; `problem` says in words why it cannot be one. Null stays null. */
export function nativeValue(value: Value, column: ColumnSpec): { native: unknown } | { problem: string } {
  const problem = valueProblem(value, column);
  if (problem !== null) return { problem };
  if (value === null) return { native: null };
  const { write } = CODECS[column.type];
  const items = column.list ? (value as Value[]) : [value];
  const natives = items.map((item) => (item === null ? null : write(item)));
  if (natives.some((native, index) => native === null && items[index] !== null))
    return { problem: TOO_FINE[column.type] ?? 'cannot be held exactly by MongoDB' };
  return { native: column.list ? natives : natives[0] };
}

const TOO_FINE: Partial<Record<ValueType, string>> = {
  timestamp: 'must be a moment in whole milliseconds, which is all that a MongoDB date holds',
  decimal: 'must have 34 digits at most, which is all that a Decimal128 holds',
};

/** A key as the value of its column. */
export function nativeKey(type: KeyType, key: string): unknown {
  if (type === 'objectid') return ObjectId.createFromHexString(key);
  return type === 'int' ? integerNative(key) : key;
}

/** The least value of a key's type: what a range begins with that holds every key and no value of another type. */
export const LEAST_KEY: Readonly<Record<KeyType, unknown>> = {
  objectid: new ObjectId('0'.repeat(24)),
  int: -Infinity,
  text: '',
  uuid: '',
};

/** A whole number as the smallest BSON type that holds it; all of them compare by value. */
function integerNative(digits: string): unknown {
  const value = Number(digits);
  return Math.abs(value) < 2 ** 31 ? value : Long.fromString(digits);
}

/** A moment that a Date can hold, as canonical text, rounded down to its millisecond; `exact` says if nothing was lost. */
export function dateOf(text: string): { date: Date; exact: boolean } | null {
  const time = Date.parse(text.length > 24 ? `${text.slice(0, 23)}Z` : text);
  return Number.isNaN(time) ? null : { date: new Date(time), exact: text.length <= 24 };
}

function moment(value: Value): Date | null {
  const at = dateOf(value as string);
  return at?.exact ? at.date : null;
}

/** Years that canonical timestamps have no digits for stay what they are: a misfit. */
function isMoment(native: unknown): native is Date {
  if (!(native instanceof Date)) return false;
  const year = native.getUTCFullYear();
  return year >= 0 && year <= 9999;
}

/** Null where rounding would be needed. */
function decimal128(value: Value): Decimal128 | null {
  try {
    return Decimal128.fromString(numeric(value));
  } catch {
    return null;
  }
}

/** Plain JSON as BSON, every number by its value: whole ones as integers, others as doubles or, where longer, decimals. */
export function bson(value: Value): unknown {
  if (value === null || typeof value !== 'object')
    return typeof value === 'number' ? jsonNumber(value) : value;
  if (isExactNumber(value)) return jsonNumber(value);
  if (Array.isArray(value)) return value.map(bson);
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, bson(member)]));
}

function jsonNumber(value: Value): unknown {
  if (typeof value === 'number')
    return Number.isInteger(value) && Math.abs(value) < 2 ** 31 ? value : longOr(value);
  const digits = numeric(value);
  if (/^-?\d{1,19}$/.test(digits) && Long.fromString(digits).toString() === digits)
    return Long.fromString(digits);
  // More digits than 34 would be rounded: as text nothing is lost, and the other side sees that it is text.
  return decimal128(value) ?? digits;
}

function longOr(value: number): unknown {
  return Number.isSafeInteger(value) ? Long.fromNumber(value) : new Double(value);
}

function same(value: Value): unknown {
  return value;
}

function text(native: unknown): string | undefined {
  return typeof native === 'string' ? native : undefined;
}

function bytes(native: unknown): string | undefined {
  return native instanceof Binary ? Buffer.from(native.value()).toString('base64') : undefined;
}

function integer(native: unknown): Value | undefined {
  const value = number(native);
  const digits = typeof value === 'number' || isExactNumber(value) ? numberText(value) : '';
  return /^-?\d+$/.test(digits) ? value : undefined;
}

function number(native: unknown): Value | undefined {
  return NUMBERS.has(bsonTypeOf(native)) ? plain(native) : undefined;
}

const NUMBERS: ReadonlySet<string> = new Set(['int', 'double', 'int32', 'long', 'decimal']);

function numeric(value: Value): string {
  return typeof value === 'number' || isExactNumber(value) ? numberText(value) : (value as string);
}

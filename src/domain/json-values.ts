import type { ColumnSpec, ValueType } from './model.ts';
import { canonicalTimestamp, exactNumber, isExactNumber, numberText, type Value } from './values.ts';

/**
 * Values of typed columns in plain JSON: what a file of records or a REST API holds. Reading is lenient, because such a
 * store checks nothing: a value that is not of its column's type stays as it is, and the side that checks says what is
 * wrong with it. Writing is strict.
 */
interface Form {
  /** The canonical form of a value of this type; undefined where it is none. */
  canonical(value: Value): Value | undefined;
  /** What a value has to be, for messages. */
  expected: string;
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const OBJECT_ID = /^[0-9a-f]{24}$/;
const TIME = /^([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,6})?$/;
const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;
const INTEGER = /^-?\d+$/;
const NUMBER = /^-?\d+(\.\d+)?([eE][+-]?\d{1,6})?$/;
/** Numbers of Postgres that JSON has no number for. */
const SPECIAL = new Set(['NaN', 'Infinity', '-Infinity']);

const FORMS: Readonly<Record<ValueType, Form>> = {
  text: { canonical: text, expected: 'a text without NUL and without half a surrogate pair' },
  enum: { canonical: text, expected: 'a text without NUL and without half a surrogate pair' },
  uuid: { canonical: lowerCase(UUID), expected: 'a UUID' },
  objectid: { canonical: lowerCase(OBJECT_ID), expected: 'an ObjectId: 24 hexadecimal digits' },
  int: { canonical: integer(-(2n ** 31n), 2n ** 31n - 1n), expected: 'an integer of 32 bits' },
  bigint: { canonical: integer(-(2n ** 63n), 2n ** 63n - 1n), expected: 'an integer of 64 bits' },
  decimal: { canonical: number, expected: 'a number' },
  float: { canonical: number, expected: 'a number' },
  boolean: {
    canonical: (value) => (typeof value === 'boolean' ? value : undefined),
    expected: 'true or false',
  },
  timestamp: { canonical: timestamp, expected: 'a timestamp like 2026-01-31T12:00:00Z' },
  date: { canonical: date, expected: 'a date like 2026-01-31' },
  time: { canonical: matching(TIME), expected: 'a time of day like 23:59:59' },
  json: { canonical: (value) => value, expected: 'any JSON' },
  bytes: { canonical: matching(BASE64), expected: 'bytes in base64' },
};

/** The canonical form of what a store holds in a column; what is not of the column's type stays as it is. */
export function readValue(value: Value, { type, list }: ColumnSpec): Value {
  if (value === null || type === 'json') return value;
  const { canonical } = FORMS[type];
  if (!list) return canonical(value) ?? value;
  if (!Array.isArray(value)) return value;
  return value.map((item) => (item === null ? null : (canonical(item) ?? item)));
}

/** Whether a value that is not null is of its column's type. */
export function fitsColumn(value: Value, { type, list }: ColumnSpec): boolean {
  const { canonical } = FORMS[type];
  const fits = (item: Value) => canonical(item) !== undefined;
  if (!list) return type === 'json' || fits(value);
  return Array.isArray(value) && value.every((item) => item === null || fits(item));
}

/** What is wrong with a value that is to be written to a column, in words; null: nothing. */
export function valueProblem(value: Value, column: ColumnSpec): string | null {
  if (value === null) return column.nullable ? null : 'must not be null';
  if (fitsColumn(value, column)) return null;
  const { expected } = FORMS[column.type];
  return column.list ? `must be a list, each item of it ${expected}` : `must be ${expected}`;
}

/** UTF-8 has no form for half a surrogate pair: drivers send U+FFFD in its place, without a word. */
function text(value: Value): Value | undefined {
  return typeof value === 'string' && !value.includes('\0') && value.isWellFormed() ? value : undefined;
}

function matching(pattern: RegExp): Form['canonical'] {
  return (value) => (typeof value === 'string' && pattern.test(value) ? value : undefined);
}

function lowerCase(pattern: RegExp): Form['canonical'] {
  return (value) => {
    const lower = typeof value === 'string' ? value.toLowerCase() : '';
    return pattern.test(lower) ? lower : undefined;
  };
}

function integer(least: bigint, greatest: bigint): Form['canonical'] {
  return (value) => {
    const digits = digitsOf(value);
    if (digits === null || !INTEGER.test(digits)) return undefined;
    const exact = BigInt(digits);
    return exact >= least && exact <= greatest ? exactNumber(digits) : undefined;
  };
}

function number(value: Value): Value | undefined {
  if (typeof value === 'string' && SPECIAL.has(value)) return value;
  const digits = digitsOf(value);
  return digits !== null && NUMBER.test(digits) ? exactNumber(digits) : undefined;
}

function digitsOf(value: Value): string | null {
  if (typeof value === 'number' || isExactNumber(value)) return numberText(value);
  return typeof value === 'string' ? value : null;
}

function timestamp(value: Value): Value | undefined {
  return typeof value === 'string' ? (canonicalTimestamp(value) ?? undefined) : undefined;
}

function date(value: Value): Value | undefined {
  if (typeof value !== 'string') return undefined;
  const real = /^\d{4}-\d\d-\d\d$/.test(value) && canonicalTimestamp(`${value}T00:00:00Z`) !== null;
  return real ? value : undefined;
}

import { BanyanError } from '../../domain/errors.ts';
import type { ColumnSpec, ValueType } from '../../domain/model.ts';
import {
  canonicalTimestamp,
  exactNumber,
  isExactNumber,
  numberText,
  parseJson,
  stringifyJson,
  type Row,
  type Value,
} from '../../domain/values.ts';
import type { Key } from '../../domain/words.ts';
import { arrayLiteral, parseArray } from '../../postgres/arrays.ts';

/**
 * How a column travels as JSON. PostgREST answers with Postgres' own JSON text, but what reads it (JSON.parse) would
 * round long numbers: such types are asked for as text. Each reader takes what the server sends, each writer gives what
 * PostgREST hands to the type's input function.
 */
interface Codec {
  /** Ask for `column::text`. */
  asText: boolean;
  read(native: unknown): Value;
  write(value: Value): unknown;
  /** From an element of array text. */
  readText(text: string): Value;
}

const CODECS: Readonly<Record<ValueType, Codec>> = {
  text: { asText: false, read: string, write: same, readText: same },
  enum: { asText: false, read: string, write: same, readText: same },
  date: { asText: false, read: string, write: same, readText: same },
  time: { asText: false, read: string, write: same, readText: same },
  uuid: { asText: false, read: uuid, write: same, readText: uuid },
  objectid: { asText: false, read: string, write: same, readText: same },
  int: { asText: false, read: number, write: numeric, readText: Number },
  float: { asText: false, read: float, write: numeric, readText: float },
  bigint: { asText: true, read: decimal, write: numeric, readText: decimal },
  decimal: { asText: true, read: decimal, write: numeric, readText: decimal },
  boolean: { asText: false, read: boolean, write: same, readText: (text) => text === 't' },
  timestamp: { asText: false, read: timestamp, write: same, readText: timestamp },
  json: { asText: true, read: json, write: same, readText: parseJson },
  bytes: { asText: true, read: bytes, write: hex, readText: bytes },
};

const PLAIN_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** A column's name as PostgREST takes it in `select`, `order` and conditions. */
export function columnName(name: string): string {
  return PLAIN_NAME.test(name) ? name : `"${name.replace(/["\\]/g, '\\$&')}"`;
}

/** The `select` of a whole row, with the casts that keep every value exact. */
export function selectList(columns: readonly ColumnSpec[]): string {
  return columns.map(selectItem).join(',');
}

export function selectItem({ name, type, list }: ColumnSpec): string {
  return columnName(name) + (list || CODECS[type].asText ? '::text' : '');
}

/** Reads one column of an answered row. */
export type ColumnReader = (native: unknown) => Value;

export function columnReader({ type, list }: ColumnSpec): ColumnReader {
  const codec = CODECS[type];
  // Every list is asked for as array text: it tells NULL from "NULL" and keeps elements exact.
  const read = list ? (native: unknown) => parseArray(string(native), codec.readText) as Value : codec.read;
  return (native) => (native === null || native === undefined ? null : read(native));
}

/** Reads what was asked for as `::text`. */
export function textReader(type: ValueType): ColumnReader {
  return (native) => (native === null || native === undefined ? null : CODECS[type].readText(string(native)));
}

/** Canonical values to the JSON body of a write; columns that are not of the table are refused. */
export function nativeRow(
  row: Row,
  columns: ReadonlyMap<string, ColumnSpec>,
  table: string,
): Record<string, unknown> {
  const native: Record<string, unknown> = {};
  for (const name in row) {
    const column = columns.get(name);
    if (!column) {
      const message = `Table "${table}" has no column "${name}"; it has ${[...columns.keys()].join(', ')}.`;
      throw new BanyanError('validation-failed', message, { details: { field: name } });
    }
    native[name] = nativeValue(row[name] ?? null, column);
  }
  return native;
}

function nativeValue(value: Value, { type, list }: ColumnSpec): unknown {
  if (value === null) return null;
  if (list && Array.isArray(value)) return listText(value, type);
  return CODECS[type].write(value);
}

/** The text of a value in a condition. Never called with null. */
export function conditionText(value: Value, { type, list }: ColumnSpec): string {
  if (list && Array.isArray(value)) return listText(value, type);
  return plainText(value, type);
}

type TextList = (string | null | TextList)[];

function listText(list: readonly Value[], type: ValueType): string {
  const texts = (items: readonly Value[]): TextList =>
    items.map((item) => {
      if (item === null) return null;
      // A JSON array inside a list of JSON is an element, anywhere else an array is one more dimension.
      return Array.isArray(item) && type !== 'json' ? texts(item) : plainText(item, type);
    });
  return arrayLiteral(texts(list));
}

function plainText(value: Value, type: ValueType): string {
  if (type === 'json') return stringifyJson(value);
  const native = CODECS[type].write(value);
  if (typeof native === 'object') return stringifyJson(native);
  return String(native);
}

/** The key of an answered row in canonical text. */
export function keyText(value: Value | undefined): Key {
  if (typeof value === 'number' || isExactNumber(value)) return numberText(value);
  return string(value);
}

function same<T>(value: T): T {
  return value;
}

function string(native: unknown): string {
  if (typeof native === 'string') return native;
  throw new TypeError(`text expected, found ${typeof native}`);
}

function number(native: unknown): number {
  if (typeof native === 'number') return native;
  throw new TypeError(`a number expected, found ${typeof native}`);
}

function boolean(native: unknown): boolean {
  if (typeof native === 'boolean') return native;
  throw new TypeError(`true or false expected, found ${typeof native}`);
}

function uuid(native: unknown): string {
  return string(native).toLowerCase();
}

function float(native: unknown): Value {
  const value = Number(native);
  // NaN and infinities have no JSON number: they come as text and stay text. Minus zero is zero.
  return Number.isFinite(value) ? value + 0 : string(native);
}

function decimal(native: unknown): Value {
  const text = typeof native === 'number' ? String(native) : string(native);
  return text === 'NaN' || text.endsWith('Infinity') ? text : exactNumber(text);
}

function numeric(value: Value): unknown {
  return typeof value === 'number' || isExactNumber(value) ? numberText(value) : value;
}

/** A moment in UTC as servers write it: PostgREST `2026-01-02T01:04:05.1+00:00`, others a space or `Z`. */
const UTC = /^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:\.(\d{1,6}))?(?:\+00(?::00)?|Z)$/;

function timestamp(native: unknown): string {
  const text = string(native);
  // Cutting is 15 times faster than parsing, and a copy of a table reads several of these a row.
  const [, day, time, fraction = ''] = UTC.exec(text) ?? [];
  if (day) {
    const micros = fraction.padEnd(6, '0');
    return `${day}T${time}.${micros.endsWith('000') ? micros.slice(0, 3) : micros}Z`;
  }
  const canonical = canonicalTimestamp(text);
  if (canonical === null) throw new TypeError(`a timestamp expected, found "${text}"`);
  return canonical;
}

function json(native: unknown): Value {
  return parseJson(string(native));
}

function bytes(native: unknown): string {
  return Buffer.from(string(native).slice(2), 'hex').toString('base64');
}

function hex(value: Value): string {
  return `\\x${Buffer.from(string(value), 'base64').toString('hex')}`;
}

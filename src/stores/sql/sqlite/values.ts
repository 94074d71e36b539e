import { BanyanError, type ErrorCode } from '../../../domain/errors.ts';
import { fitsColumn, readValue, valueProblem } from '../../../domain/json-values.ts';
import type { ColumnSpec } from '../../../domain/model.ts';
import {
  canonicalDecimal,
  exactNumber,
  isExactNumber,
  numberText,
  parseJson,
  stringifyJson,
  type Value,
} from '../../../domain/values.ts';
import type { Affinity } from './catalog.ts';
import { fromEpoch, toMoment, type MomentForms } from './moments.ts';

/** What SQLite holds. Integers are bigint where a double would lose digits. */
export type Cell = null | number | bigint | string | Uint8Array;

/** A column with what decides how SQLite keeps a value in it. */
export interface StoredColumn extends ColumnSpec {
  affinity: Affinity;
}

/** How far integers reach: 64 bits. */
const INTEGERS = { least: -(2n ** 63n), greatest: 2n ** 63n - 1n } as const;

/**
 * A canonical value as SQLite is to keep it. SQLite itself checks no types, so that is done here; and what a column
 * cannot keep exactly is refused with the reason instead of being rounded: in a column of NUMERIC or REAL affinity that
 * is every decimal that a double does not give back.
 */
export function toCell(
  column: StoredColumn,
  value: Value | undefined,
  forms: MomentForms,
  code: ErrorCode,
): Cell {
  if (value === null || value === undefined)
    return column.type === 'json' && !column.nullable && !column.list ? 'null' : null;
  const problem = valueProblem(value, column);
  if (problem !== null) throw refusal(column, code, problem);
  if (column.list) return stringifyJson(value);
  return WRITERS[column.type](value, column, (reason) => refusal(column, code, reason), forms);
}

type Refuse = (reason: string) => BanyanError;
type Writer = (value: Value, column: StoredColumn, refuse: Refuse, forms: MomentForms) => Cell;

const asText: Writer = (value) => value as string;
const asInteger: Writer = (value) => BigInt(digitsOf(value));

/** One row per type. */
const WRITERS: Readonly<Record<ColumnSpec['type'], Writer>> = {
  text: asText,
  enum: asText,
  uuid: (value) => (value as string).toLowerCase(),
  objectid: asText,
  date: asText,
  time: asText,
  int: asInteger,
  bigint: asInteger,
  boolean: (value) => (value === true ? 1n : 0n),
  float: writeFloat,
  decimal: writeDecimal,
  timestamp: (value, { affinity }, refuse, forms) => toMoment(value as string, affinity, forms, refuse),
  json: (value) => stringifyJson(value),
  bytes: (value) => Buffer.from(value as string, 'base64'),
};

function writeFloat(value: Value, _column: StoredColumn, refuse: Refuse): Cell {
  if (value === 'NaN') throw refuse('is NaN, which SQLite keeps as NULL');
  return Number(typeof value === 'string' ? value : digitsOf(value));
}

function writeDecimal(value: Value, { affinity }: StoredColumn, refuse: Refuse): Cell {
  const digits = digitsOf(value);
  if (affinity === 'TEXT' || affinity === 'BLOB') return digits;
  const number = numberCell(digits, affinity);
  if (number !== null) return number;
  throw refuse(
    `is ${digits}, which a column of ${affinity} affinity would round to ${String(Number(digits))}; a TEXT column keeps it`,
  );
}

/** A decimal as a number that SQLite gives back digit by digit, or null where there is none. */
export function numberCell(digits: string, affinity: Affinity): number | bigint | null {
  if (/^-?\d+$/.test(digits) && affinity !== 'REAL') {
    const whole = BigInt(digits);
    if (whole >= INTEGERS.least && whole <= INTEGERS.greatest) return whole;
  }
  const double = Number(digits);
  return Number.isFinite(double) && canonicalDecimal(String(double)) === digits ? double : null;
}

function digitsOf(value: Value): string {
  if (typeof value === 'number' || isExactNumber(value)) return numberText(value);
  return /^-?[\d.]/.test(value as string) ? canonicalDecimal(value as string) : (value as string);
}

function refusal(column: StoredColumn, code: ErrorCode, reason: string): BanyanError {
  return new BanyanError(code, `"${column.name}" ${reason}`, { details: { field: column.name } });
}

/**
 * The canonical form of what SQLite holds. A value that is not of its column's type stays as it is: the side that checks
 * types says what is wrong with it.
 */
export function fromCell(column: StoredColumn, cell: Cell, forms: MomentForms): Value {
  if (cell === null) return null;
  if (cell instanceof Uint8Array) return Buffer.from(cell).toString('base64');
  if (column.list || column.type === 'json')
    return typeof cell === 'string' ? fromJson(cell, column) : plain(cell);
  if (typeof cell === 'string') return readValue(cell, column);
  if (column.type === 'boolean') return cell === 1 || cell === 0 ? cell === 1 : plain(cell);
  if (column.type === 'timestamp' && column.affinity === 'INTEGER')
    return fromEpoch(cell, forms) ?? plain(cell);
  return plain(cell);
}

function fromJson(text: string, column: StoredColumn): Value {
  try {
    const value = parseJson(text);
    return column.list ? readValue(value, column) : value;
  } catch {
    return text;
  }
}

/**
 * SQLite's name of what a cell holds where it is not of its column's type, else null. Postgres would take some of that
 * for something else: `now` for a moment, `yes` for true, a blob's base64 for text.
 */
export function foreignType(column: StoredColumn, cell: Cell, value: Value): string | null {
  if (value === null || cell === null) return null;
  if (column.type === 'json' && !column.list) return isJson(cell, value) ? null : typeName(cell);
  const isBytes = column.type === 'bytes' && !column.list;
  const fits = isBytes
    ? cell instanceof Uint8Array
    : !(cell instanceof Uint8Array) && fitsColumn(value, column);
  return fits ? null : typeName(cell);
}

export function expectedType({ type, list }: StoredColumn): string {
  return `${type}${list ? ' list' : ''}`;
}

/** Only text that is no JSON is read as it stands; a JSON string's own text has its quotes. */
function isJson(cell: Cell, value: Value): boolean {
  return !(cell instanceof Uint8Array) && (typeof cell !== 'string' || value !== cell);
}

function typeName(cell: Cell): string {
  if (cell instanceof Uint8Array) return 'blob';
  if (typeof cell === 'string') return 'text';
  return typeof cell === 'bigint' || Number.isInteger(cell) ? 'integer' : 'real';
}

function plain(cell: number | bigint): Value {
  if (typeof cell === 'bigint') return exactNumber(String(cell));
  return Number.isFinite(cell) ? cell + 0 : String(cell);
}

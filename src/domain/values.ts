import { LosslessNumber, isLosslessNumber, parse, stringify } from 'lossless-json';

/**
 * Values of a record in its public shape.
 *
 * A number that a double holds exactly is a `number`; any other (64-bit integers, long decimals) is an `ExactNumber`
 * that carries its canonical decimal text. Decimals compare by value: 1.10 and 1.1 are the same record.
 * Timestamps are text in UTC with three or six fraction digits; see `canonicalTimestamp`.
 */
export type Value = null | boolean | number | ExactNumber | string | Value[] | { [name: string]: Value };
export type ExactNumber = LosslessNumber;
/** A record in its public shape, by field name. */
export type PublicRecord = Record<string, Value>;
/** A row in a store's own shape, by column name; its values are canonical all the same. */
export type Row = Record<string, Value>;

export function isExactNumber(value: unknown): value is ExactNumber {
  return isLosslessNumber(value);
}

const PLAIN_SHORT = /^-?(0|[1-9]\d{0,14})(\.\d{1,15})?$/;

/** A number from its decimal text, without loss. Throws a RangeError for text that is no finite decimal number. */
export function exactNumber(text: string): number | ExactNumber {
  // Up to 15 significant digits survive a double and come back as the same decimal.
  if (text.length <= 16 && PLAIN_SHORT.test(text) && text.replace(/[-.]/g, '').length <= 15)
    return Number(text) + 0;
  const canonical = canonicalDecimal(text);
  const asDouble = Number(canonical);
  if (Number.isFinite(asDouble) && canonicalDecimal(String(asDouble)) === canonical) return asDouble;
  return new LosslessNumber(canonical);
}

/** Decimal text without superfluous zeros, sign or exponent; very large exponents keep one. */
export function canonicalDecimal(text: string): string {
  const match = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,6}))?$/.exec(text.trim());
  if (!match || !((match[2] ?? '') + (match[3] ?? '')))
    throw new RangeError(`"${text}" is not a decimal number`);
  const fraction = match[3] ?? '';
  let exponent = Number(match[4] ?? '0') - fraction.length;
  let digits = ((match[2] ?? '') + fraction).replace(/^0+/, '');
  if (digits === '') return '0';
  const trimmed = digits.replace(/0+$/, '');
  exponent += digits.length - trimmed.length;
  digits = trimmed;
  const sign = match[1] === '-' ? '-' : '';
  if (exponent > 200 || exponent < -400) return `${sign}${digits}e${exponent}`;
  if (exponent >= 0) return sign + digits + '0'.repeat(exponent);
  const point = digits.length + exponent;
  return point > 0
    ? `${sign}${digits.slice(0, point)}.${digits.slice(point)}`
    : `${sign}0.${'0'.repeat(-point)}${digits}`;
}

/** The decimal text of a number of either form. */
export function numberText(value: number | ExactNumber): string {
  return typeof value === 'number' ? canonicalDecimal(String(value)) : value.value;
}

// A number token that a double may not hold: 16 digits or more (with or without a point), or an exponent.
const LONG_NUMBER = /[\d.]{16}|\d[eE][+-]?\d/;

/** JSON text to values, exact. Throws a SyntaxError like JSON.parse. */
export function parseJson(text: string): Value {
  if (!LONG_NUMBER.test(text)) return JSON.parse(text) as Value;
  return parse(text, undefined, exactNumber) as Value;
}

/** Values to JSON text, exact. `undefined` members are left out, as in JSON.stringify. */
export function stringifyJson(value: unknown): string {
  return hasExactNumber(value) ? (stringify(value) ?? 'null') : JSON.stringify(value);
}

function hasExactNumber(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (isExactNumber(value)) return true;
  for (const name in value) if (hasExactNumber((value as Record<string, unknown>)[name])) return true;
  return false;
}

const TIMESTAMP =
  /^(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d+))?)? ?(Z|z|[+-]\d\d(?::?\d\d)?(?::?\d\d)?)?$/;

/**
 * A timestamp (RFC 3339, or as Postgres prints it; without an offset it is taken as UTC) as
 * `YYYY-MM-DDTHH:MM:SS.mmmZ`, with six fraction digits where microseconds are not zero.
 * Returns null for text that is none; `infinity` and years beyond 9999 stay as they are written.
 */
export function canonicalTimestamp(text: string): string | null {
  const match = TIMESTAMP.exec(text);
  if (!match) return /^(-?infinity|\d{5,}-.*|.* BC)$/.test(text) ? text : null;
  const [, year, month, day, hour, minute, second, fraction, zone] = match;
  const micros = (fraction ?? '').slice(0, 6).padEnd(6, '0');
  const utc = Date.UTC(
    Number(year),
    Number(month) - 1,
    Number(day),
    Number(hour),
    Number(minute),
    Number(second ?? 0),
  );
  if (!isRealMoment(match)) return null;
  const moment = new Date(utc - offsetMinutes(zone) * 60_000);
  // Date.UTC reads years 0–99 as 1900–1999.
  if (Number(year) < 100) moment.setUTCFullYear(Number(year));
  const tail = micros.endsWith('000') ? micros.slice(0, 3) : micros;
  return `${moment.toISOString().slice(0, 19)}.${tail}Z`;
}

function isRealMoment(match: RegExpExecArray): boolean {
  const [, year, month, day, hour, minute, second] = match.map(Number) as number[];
  const days = new Date(Date.UTC(2000 + (Number(year) % 400), Number(month), 0)).getUTCDate();
  return (
    Number(month) >= 1 &&
    Number(month) <= 12 &&
    Number(day) >= 1 &&
    Number(day) <= days &&
    Number(hour) <= 23 &&
    Number(minute) <= 59 &&
    (Number.isNaN(second) || Number(second) <= 59)
  );
}

function offsetMinutes(zone: string | undefined): number {
  if (!zone || zone === 'Z' || zone === 'z') return 0;
  const digits = zone.replace(/\D/g, '');
  const minutes = Number(digits.slice(0, 2)) * 60 + Number(digits.slice(2, 4) || 0);
  return zone.startsWith('-') ? -minutes : minutes;
}

/** Deep equality of canonical values; order of object members does not matter, order of arrays does. */
export function sameValue(a: Value | undefined, b: Value | undefined): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (isExactNumber(a) || isExactNumber(b))
    return isExactNumber(a) && isExactNumber(b) && a.value === b.value;
  if (Array.isArray(a) || Array.isArray(b)) {
    if (!Array.isArray(a) || !Array.isArray(b) || a.length !== b.length) return false;
    return a.every((item, index) => sameValue(item, b[index]));
  }
  const names = Object.keys(a);
  if (names.length !== Object.keys(b).length) return false;
  return names.every((name) => Object.hasOwn(b, name) && sameValue(a[name], b[name]));
}

/** Names of the fields in which two records differ, sorted; a missing field differs from null. */
export function differingFields(a: PublicRecord, b: PublicRecord, ignore: readonly string[] = []): string[] {
  const names = new Set([...Object.keys(a), ...Object.keys(b)]);
  return [...names].filter((name) => !ignore.includes(name) && !sameValue(a[name], b[name])).sort();
}

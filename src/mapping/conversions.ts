import { BanyanError } from '../domain/errors.ts';
import type { ValueType } from '../domain/model.ts';
import {
  canonicalDecimal,
  canonicalTimestamp,
  exactNumber,
  isExactNumber,
  numberText,
  parseJson,
  stringifyJson,
  type Value,
} from '../domain/values.ts';

/**
 * Values of one type in a column of another. Reading is lenient: what does not fit stays as it is, so that the side that
 * checks, or the linter, can name it. Writing is strict: a value that the other type cannot hold is refused, never cut.
 */
export interface Conversion {
  /** From the field's value to the column's. */
  to(value: Value): Value;
  /** From the column's value to the field's. */
  from(value: Value): Value;
}

const SAME: Conversion = { to: (value) => value, from: (value) => value };

const NUMBERS: readonly ValueType[] = ['int', 'bigint', 'decimal', 'float'];
const TEXTS: readonly ValueType[] = [
  'text',
  'enum',
  'uuid',
  'objectid',
  'time',
  'date',
  'timestamp',
  'bytes',
];

function isNumber(value: Value): value is number | ReturnType<typeof exactNumber> {
  return typeof value === 'number' || isExactNumber(value);
}

const numberAsText: Conversion = {
  to: (value) => (isNumber(value) ? numberText(value) : value),
  from: (value) => (typeof value === 'string' ? (decimal(value) ?? value) : value),
};

function decimal(text: string): Value | null {
  try {
    return exactNumber(canonicalDecimal(text));
  } catch {
    return null;
  }
}

const textAsNumber: Conversion = { to: numberAsText.from, from: numberAsText.to };

const booleanAsNumber: Conversion = {
  to: (value) => (typeof value === 'boolean' ? Number(value) : value),
  from: (value) => (value === 0 || value === 1 ? value === 1 : value),
};

const booleanAsText: Conversion = {
  to: (value) => (typeof value === 'boolean' ? String(value) : value),
  from: (value) => (value === 'true' || value === 'false' ? value === 'true' : value),
};

const timestampAsText: Conversion = {
  to: (value) => value,
  from: (value) => (typeof value === 'string' ? (canonicalTimestamp(value) ?? value) : value),
};

const timestampAsMilliseconds: Conversion = {
  to(value) {
    const moment = typeof value === 'string' ? Date.parse(value) : NaN;
    if (Number.isNaN(moment)) return value;
    if (new Date(moment).toISOString() === value) return moment;
    throw new BanyanError('validation-failed', `"${String(value)}" is finer than milliseconds`);
  },
  from: (value) =>
    typeof value === 'number' && Number.isInteger(value) && Math.abs(value) <= 8.64e15
      ? new Date(value).toISOString()
      : value,
};

const MIDNIGHT = 'T00:00:00.000Z';
const dateAsTimestamp: Conversion = {
  to: (value) => (typeof value === 'string' ? value + MIDNIGHT : value),
  from: (value) =>
    typeof value === 'string' && value.endsWith(MIDNIGHT) ? value.slice(0, -MIDNIGHT.length) : value,
};

const jsonAsText: Conversion = {
  to: (value) => stringifyJson(value),
  from(value) {
    if (typeof value !== 'string') return value;
    try {
      return parseJson(value);
    } catch {
      return value;
    }
  },
};

/** Which types of a field a conversion serves, and which of a column. */
const CONVERSIONS: readonly [fields: readonly ValueType[], columns: readonly ValueType[], Conversion][] = [
  [NUMBERS, NUMBERS, SAME],
  [NUMBERS, ['text'], numberAsText],
  [['text', 'enum'], NUMBERS, textAsNumber],
  [['boolean'], NUMBERS, booleanAsNumber],
  [['boolean'], ['text'], booleanAsText],
  [['timestamp'], NUMBERS, timestampAsMilliseconds],
  [['timestamp'], ['text'], timestampAsText],
  [['date'], ['timestamp'], dateAsTimestamp],
  [['json'], ['text'], jsonAsText],
  [TEXTS, ['text', 'enum'], SAME],
  [['text'], TEXTS, SAME],
];

/** How a field's values stand in a column of another type; null where there is no way. */
export function conversionOf(field: ValueType, column: ValueType): Conversion | null {
  if (field === column) return SAME;
  const row = CONVERSIONS.find(([fields, columns]) => fields.includes(field) && columns.includes(column));
  return row ? row[2] : null;
}

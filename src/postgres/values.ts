import { BanyanError } from '../domain/errors.ts';
import type { ColumnSpec } from '../domain/model.ts';
import { isExactNumber, numberText, stringifyJson, type Row, type Value } from '../domain/values.ts';
import { joinKey, type KeyPart } from '../domain/keys.ts';
import type { Key } from '../domain/words.ts';
import { arrayLiteral } from './arrays.ts';

/**
 * Canonical values to the text that Postgres reads. Every parameter is text without a declared type, so that Postgres
 * takes the column's own type, and nothing passes through a double or a Date. The way back is src/postgres/types.ts.
 */
export function toText(column: ColumnSpec, value: Value | undefined): string | null {
  // A JSON column that refuses NULL can still hold JSON's own null.
  if (value === null || value === undefined)
    return column.type === 'json' && !column.nullable && !column.list ? 'null' : null;
  if (!column.list) return scalarText(column, value);
  if (!Array.isArray(value)) throw misfit(column, value, 'a list');
  return arrayLiteral(listTexts(column, value));
}

type Texts = (string | null | Texts)[];

function listTexts(column: ColumnSpec, values: Value[]): Texts {
  return values.map((value) => {
    if (value === null) return null;
    if (Array.isArray(value) && column.type !== 'json') return listTexts(column, value);
    return scalarText(column, value);
  });
}

function scalarText(column: ColumnSpec, value: Exclude<Value, null>): string {
  if (column.type === 'json') return stringifyJson(value);
  if (typeof value === 'string')
    return column.type === 'bytes' ? `\\x${Buffer.from(value, 'base64').toString('hex')}` : value;
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  if (isExactNumber(value)) return value.value;
  throw misfit(column, value, `a value of type ${column.type}`);
}

/** The key of a row that Postgres answered with. */
export function toKey(parts: readonly KeyPart[], row: Row): Key {
  return parts.length === 1
    ? toPart(row[(parts[0] as KeyPart).name])
    : joinKey(parts.map(({ name }) => toPart(row[name])));
}

/** The canonical text of a part of a key. */
export function toPart(value: Value | undefined): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'number' || isExactNumber(value)) return numberText(value);
  throw new BanyanError('store-answer', `a key is neither text nor a number but ${stringifyJson(value)}`);
}

function misfit(column: ColumnSpec, value: Value, expected: string): BanyanError {
  const found = Array.isArray(value)
    ? 'a list'
    : typeof value === 'object'
      ? 'an object'
      : `a ${typeof value}`;
  return new BanyanError('validation-failed', `column "${column.name}" takes ${expected}, not ${found}`, {
    details: { field: column.name },
  });
}

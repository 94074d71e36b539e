import type { ColumnSpec } from '../domain/model.ts';
import { BanyanError } from '../domain/errors.ts';
import { isExactNumber, numberText, type Row, type Value } from '../domain/values.ts';
import { arrayLiteral } from './arrays.ts';
import type { KnownTable, WritableColumn } from './catalog.ts';
import { quote, quoteTable } from './quoting.ts';
import { toKey, toText } from './values.ts';

/** Types without an equality of their own, or with one that takes different texts for equal. */
const COMPARED_AS_TEXT = /(^|\.)(json|xml|citext|point|polygon|bpchar)(\[\])?$/;

/**
 * One statement that creates any number of rows with these columns, and answers them in their order. What is not among
 * the columns takes the table's default.
 */
export function insertText(spec: KnownTable, columns: readonly WritableColumn[], returning: string): string {
  const { names, arrays, places, casts } = textsOf(columns);
  return (
    `INSERT INTO ${quoteTable(spec.name)} (${names.join(', ')}) OVERRIDING SYSTEM VALUE ` +
    `SELECT ${casts.join(', ')} FROM unnest(${arrays.join(', ')}) WITH ORDINALITY AS given (${places.join(', ')}, n) ` +
    `ORDER BY n RETURNING ${returning}`
  );
}

/** The array of each column. */
export function insertParameters(
  columns: readonly WritableColumn[],
  specs: ReadonlyMap<string, ColumnSpec>,
  rows: readonly Row[],
): string[] {
  return columns.map(({ name }) => {
    const column = specs.get(name) as ColumnSpec;
    return arrayLiteral(rows.map((row) => toText(column, row[name])));
  });
}

/** Columns as names, as parameters, as names of the unnested values, and as values of the column's type. */
function textsOf(columns: readonly WritableColumn[]) {
  return {
    names: columns.map((column) => quote(column.name)),
    arrays: columns.map(({ castType }, index) => `$${index + 1}::${isList(castType) ? 'text' : castType}[]`),
    places: columns.map((_, index) => `c${index + 1}`),
    casts: columns.map(({ castType }, index) => `c${index + 1}${isList(castType) ? `::${castType}` : ''}`),
  };
}

/**
 * One statement that makes any number of rows exist just as given: an array for each column. Nearly as fast as COPY, but
 * repeatable; a row that is already so is not written again.
 */
export function upsertText(spec: KnownTable, columns: readonly WritableColumn[]): string {
  const { names, arrays, places, casts } = textsOf(columns);
  const keys = new Set(spec.keys.map(({ name }) => name));
  return (
    `INSERT INTO ${quoteTable(spec.name)} AS present (${names.join(', ')}) OVERRIDING SYSTEM VALUE ` +
    `SELECT ${casts.join(', ')} FROM unnest(${arrays.join(', ')}) AS given (${places.join(', ')}) ` +
    `ON CONFLICT (${[...keys].map(quote).join(', ')}) ${onConflict(columns.filter(({ name }) => !keys.has(name)))}`
  );
}

/** unnest() takes arrays apart down to the last element, so a list travels as the text of its array. */
function isList(castType: string): boolean {
  return castType.endsWith('[]');
}

function onConflict(columns: readonly WritableColumn[]): string {
  if (columns.length === 0) return 'DO NOTHING';
  const changes = columns.map(({ name }) => `${quote(name)} = excluded.${quote(name)}`);
  const side = (row: string) =>
    columns.map(({ name, castType }) => {
      return `${row}.${quote(name)}${COMPARED_AS_TEXT.test(castType) ? '::text' : ''}`;
    });
  const differs = `(${side('present').join(', ')}) IS DISTINCT FROM (${side('excluded').join(', ')})`;
  return `DO UPDATE SET ${changes.join(', ')} WHERE ${differs}`;
}

/** The array of each column. Of two rows with one key the later counts: one statement may touch a row only once. */
export function upsertParameters(
  spec: KnownTable,
  columns: readonly WritableColumn[],
  specs: ReadonlyMap<string, ColumnSpec>,
  rows: readonly Row[],
): string[] {
  const distinct = [...new Map(rows.map((row) => [toKey(spec.keys, row), row])).values()];
  for (const column of columns)
    if (column.fraction !== null) for (const row of distinct) refuseRounding(column, row[column.name]);
  return insertParameters(columns, specs, distinct);
}

/** A copy that Postgres would round is no copy. */
function refuseRounding(column: WritableColumn, value: Value | undefined): void {
  if (Array.isArray(value)) return value.forEach((item) => refuseRounding(column, item));
  const text = typeof value === 'number' || isExactNumber(value) ? numberText(value) : value;
  if (typeof text !== 'string' || digitsAfterPoint(text) <= (column.fraction ?? 0)) return;
  const message = `"${column.name}" keeps ${column.fraction} digits after the point, which would round ${text}`;
  throw new BanyanError('constraint-violated', message, { details: { field: column.name } });
}

function digitsAfterPoint(text: string): number {
  // Only numbers with hundreds of them keep such an exponent.
  if (text.includes('e-')) return Infinity;
  return (/\.(\d+)/.exec(text)?.[1] ?? '').replace(/0+$/, '').length;
}

import { BanyanError } from './errors.ts';
import { fitsColumn, readValue } from './json-values.ts';
import { noteMisfits, type Misfit } from './misfits.ts';
import type { ColumnSpec } from './model.ts';
import { isExactNumber, type Row, type Value } from './values.ts';

/** A record as a store of documents has it, with members that no column names. */
export type Document = { [name: string]: Value };

/** A column and the way to it in a document: `address.city` is the member `city` of the member `address`. */
export interface Place {
  column: ColumnSpec;
  path: readonly string[];
}

/** What says how a table's documents are read. */
export interface Shape {
  columns: readonly ColumnSpec[];
  keys: readonly { name: string; type: ColumnSpec['type'] }[];
  /** Name under which a row has the members that no column names. */
  rest?: string;
}

/** The columns of a shape by their names; a key's column has the key's type, whose integers have 64 bits. */
export function columnsOf({ columns, keys, rest }: Shape): Map<string, ColumnSpec> {
  const types = new Map(keys.map(({ name, type }) => [name, type === 'int' ? 'bigint' : type]));
  const named = columns.filter(({ name }) => name !== rest);
  const typed = (column: ColumnSpec) => ({ ...column, type: types.get(column.name) ?? column.type });
  return new Map(named.map((column) => [column.name, typed(column)]));
}

export function placesOf(columns: Iterable<ColumnSpec>): Place[] {
  return [...columns].map((column) => ({ column, path: column.name.split('.') }));
}

/** The values of the columns; a member that is not there is not in the row. What does not fit is noted beside it. */
export function rowOf(document: Document, places: readonly Place[]): Row {
  const row: Row = {};
  const misfits: Misfit[] = [];
  for (const { column, path } of places) {
    const value = valueAt(document, path);
    const inTheWay = value === undefined ? blockAt(document, path) : undefined;
    if (inTheWay !== undefined) {
      const { found, ...rest } = misfitOf(inTheWay, column);
      misfits.push({ ...rest, found: `${found} on the way` });
      row[column.name] = inTheWay;
    } else if (value !== undefined) {
      row[column.name] = readValue(value, column);
      if (value !== null && !fitsColumn(value, column)) misfits.push(misfitOf(value, column));
    }
  }
  noteMisfits(row, misfits);
  return row;
}

function misfitOf(value: Value, { name, type, list }: ColumnSpec): Misfit {
  const found = Array.isArray(value) ? 'list' : isExactNumber(value) ? 'number' : typeof value;
  return { column: name, found, expected: `${type}${list ? ' list' : ''}` };
}

/** The members of a document that no place names, in the nesting in which they are. */
export function unnamedOf(document: Document, places: readonly Place[]): Document {
  return without(
    document,
    places.map(({ path }) => path),
  );
}

/** Puts other members in the place of those that no place names. */
export function setUnnamed(document: Document, places: readonly Place[], rest: Document): void {
  const named = places.map(({ path }) => [path, valueAt(document, path)] as const);
  for (const name of Object.keys(document)) delete document[name];
  for (const [name, value] of Object.entries(rest)) define(document, name, value);
  for (const [path, value] of named) if (value !== undefined) setAt(document, path, value);
}

function without(document: Document, paths: readonly (readonly string[])[]): Document {
  const left: Document = {};
  for (const [name, value] of Object.entries(document)) {
    const below = paths.filter(([first]) => first === name).map(([, ...more]) => more);
    if (below.some((path) => path.length === 0)) continue;
    if (below.length === 0 || !isDocument(value)) define(left, name, value);
    else {
      const inner = without(value, below);
      if (Object.keys(inner).length > 0) define(left, name, inner);
    }
  }
  return left;
}

export function valueAt(document: Value | undefined, path: readonly string[]): Value | undefined {
  let value = document;
  for (const name of path) {
    if (!isDocument(value) || !Object.hasOwn(value, name)) return undefined;
    value = value[name];
  }
  return value;
}

/** What stands on the way where a document is expected; undefined: nothing, or a null. */
function blockAt(document: Document, path: readonly string[]): Value | undefined {
  for (let depth = 1; depth < path.length; depth++) {
    const value = valueAt(document, path.slice(0, depth));
    if (!isDocument(value)) return value ?? undefined;
  }
  return undefined;
}

/**
 * Puts a value where the path leads, making what is missing on the way; `undefined` takes the member away. What stands on
 * the way is never written over.
 */
export function setAt(document: Document, path: readonly string[], value: Value | undefined): void {
  if (value === undefined && valueAt(document, path) === undefined) return;
  if (blockAt(document, path) !== undefined) {
    const field = path.join('.');
    const message = `"${field}" cannot be written: the record holds something else on the way to it`;
    throw new BanyanError('constraint-violated', message, { details: { field } });
  }
  let parent = document;
  for (const name of path.slice(0, -1)) {
    const next = Object.hasOwn(parent, name) ? parent[name] : undefined;
    parent = isDocument(next) ? next : (define(parent, name, {}) as Document);
  }
  const last = path.at(-1) as string;
  if (value === undefined) delete parent[last];
  else define(parent, last, value);
}

/** Also for a member that is called `__proto__`. */
function define(parent: Document, name: string, value: Value): Value {
  Object.defineProperty(parent, name, { value, enumerable: true, writable: true, configurable: true });
  return value;
}

export function isDocument(value: Value | undefined): value is Document {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !isExactNumber(value);
}

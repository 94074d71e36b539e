import { readValue } from './json-values.ts';
import type { ColumnSpec } from './model.ts';
import { isExactNumber, type Row, type Value } from './values.ts';

/** A record as a store of documents has it, with members that no column names. */
export type Document = { [name: string]: Value };

/** A column and the way to it in a document: `address.city` is the member `city` of the member `address`. */
export interface Place {
  column: ColumnSpec;
  path: readonly string[];
}

export function placesOf(columns: readonly ColumnSpec[]): Place[] {
  return columns.map((column) => ({ column, path: column.name.split('.') }));
}

/** The values of the columns; a member that is not there is not in the row. */
export function rowOf(document: Document, places: readonly Place[]): Row {
  const row: Row = {};
  for (const { column, path } of places) {
    const value = valueAt(document, path);
    if (value !== undefined) row[column.name] = readValue(value, column);
  }
  return row;
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

/** Puts a value where the path leads, making what is missing on the way; `undefined` takes the member away. */
export function setAt(document: Document, path: readonly string[], value: Value | undefined): void {
  if (value === undefined && valueAt(document, path) === undefined) return;
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

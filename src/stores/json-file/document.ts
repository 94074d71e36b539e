import { isUtf8 } from 'node:buffer';
import { parse, stringify } from 'lossless-json';
import type { ColumnSpec } from '../../domain/model.ts';
import { readValue } from '../../domain/json-values.ts';
import { parseJson, sameValue, type Row, type Value } from '../../domain/values.ts';
import { Break } from './errors.ts';

/** A record as the file has it. Numbers of a parsed document keep their text, so that 12.50 stays 12.50. */
export type Document = { [name: string]: Value };

/** A column and the way to it in a document. */
export interface Place {
  column: ColumnSpec;
  path: readonly string[];
}

export function placesOf(columns: readonly ColumnSpec[]): Place[] {
  return columns.map((column) => ({ column, path: column.name.split('.') }));
}

/** The values of a document without loss. Throws a Break with the place, counted from the document's beginning. */
export function readDocument(bytes: Buffer): Document {
  if (!isUtf8(bytes)) throw new Break(firstBadByte(bytes), 'a byte that is not UTF-8', 'text in UTF-8');
  const text = bytes.toString('utf8');
  try {
    return parseJson(text) as Document;
  } catch (error) {
    throw breakIn(text, error as Error);
  }
}

/** The document for a change: what is not changed is written back just as it was. */
export function readForChange(bytes: Buffer): Document {
  return parse(bytes.toString('utf8'), undefined, {
    onDuplicateKey: ({ newValue }) => newValue,
  }) as Document;
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

function valueAt(document: Document, path: readonly string[]): Value | undefined {
  let value: Value | undefined = document;
  for (const name of path) {
    if (!isDocument(value) || !Object.hasOwn(value, name)) return undefined;
    value = value[name];
  }
  return value;
}

/**
 * Writes a column's value into a document. A value that is the same already keeps the form that it has; `undefined` takes
 * the member away.
 */
export function writeAt(document: Document, { column, path }: Place, value: Value | undefined): void {
  const present = valueAt(document, path);
  if (present !== undefined && value !== undefined && sameValue(canonical(present, column), value)) return;
  if (present === undefined && value === undefined) return;
  let parent = document;
  for (const name of path.slice(0, -1)) {
    const next = Object.hasOwn(parent, name) ? parent[name] : undefined;
    if (isDocument(next)) parent = next;
    else parent = define(parent, name, {}) as Document;
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

function isDocument(value: Value | undefined): value is Document {
  return (
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    !(value as { isLosslessNumber?: unknown }).isLosslessNumber
  );
}

function canonical(value: Value, column: ColumnSpec): Value {
  return readValue(parseJson(stringify(value) ?? 'null'), column);
}

/** How the text of a record is laid out: `indent` is null for one line. */
export interface Style {
  indent: string | null;
  /** White space in front of the record's closing bracket. */
  base: string;
}

/** Laid out as JSON.stringify(records, null, 2) does. */
export const USUAL: Style = { indent: '  ', base: '  ' };

/** The style of a record's text. */
export function styleOf(text: string): Style {
  const [, member] = /^\{\r?\n([ \t]*)/.exec(text) ?? [];
  if (member === undefined) return { indent: null, base: '' };
  const base = /\n([ \t]*)\}$/.exec(text)?.[1] ?? '';
  return { indent: member.startsWith(base) ? member.slice(base.length) : '  ', base };
}

export function documentText(document: Document, { indent, base }: Style): string {
  const text = stringify(document, undefined, indent ?? undefined) ?? '{}';
  return indent === null ? text : text.replaceAll('\n', `\n${base}`);
}

const POSITION = / at position (\d+)/;

/** lossless-json says where it stopped; JSON.parse does so for long texts only. */
function breakIn(text: string, error: Error): Break {
  let message = error.message;
  if (!POSITION.test(message)) {
    try {
      parse(text);
    } catch (exact) {
      message = (exact as Error).message;
    }
  }
  const at = Number(POSITION.exec(message)?.[1] ?? 0);
  const offset = Buffer.byteLength(text.slice(0, at));
  const found = at < text.length ? JSON.stringify(text.slice(at, at + 20)) : 'the end of the record';
  return new Break(offset, found, `JSON (${message.replace(POSITION, '')})`);
}

function firstBadByte(bytes: Buffer): number {
  let [low, high] = [0, bytes.length];
  // A text cut inside a character is no UTF-8 either: three bytes more or less are near enough for a place.
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if ([0, 1, 2, 3].some((less) => isUtf8(bytes.subarray(0, middle - less)))) low = middle;
    else high = middle;
  }
  return low;
}

import { isUtf8 } from 'node:buffer';
import { parse, stringify } from 'lossless-json';
import { setAt, valueAt, type Document, type Place } from '../../domain/documents.ts';
import type { ColumnSpec } from '../../domain/model.ts';
import { readValue } from '../../domain/json-values.ts';
import { parseJson, sameValue, type Value } from '../../domain/values.ts';
import { Break } from './errors.ts';

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

/** The document for a change: its numbers keep their text, so that what is not changed is written back as it was. */
export function readForChange(bytes: Buffer): Document {
  return parse(bytes.toString('utf8'), undefined, {
    onDuplicateKey: ({ newValue }) => newValue,
  }) as Document;
}

/**
 * Writes a column's value into a document. A value that is the same already keeps the form that it has; `undefined` takes
 * the member away.
 */
export function writeAt(document: Document, { column, path }: Place, value: Value | undefined): void {
  const present = valueAt(document, path);
  if (present !== undefined && value !== undefined && sameValue(canonical(present, column), value)) return;
  setAt(document, path, value);
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

import { BanyanError } from './errors.ts';
import type { KeyPart, KeyType } from './model.ts';
import { exactNumber, isExactNumber, numberText, type Value } from './values.ts';
import type { Key } from './words.ts';

export type { KeyPart } from './model.ts';

/**
 * The key made of its parts' canonical texts. One part is the key as it is. Several are joined by `~`, after `%` and `~`
 * in each were percent-escaped: `["a~b", "7"]` is `a%7Eb~7`. The capture trigger writes the same text in SQL.
 */
export function joinKey(parts: readonly string[]): Key {
  const [first = ''] = parts;
  return parts.length === 1 ? first : parts.map(escapePart).join('~');
}

/** The texts of a key's parts. Fails with invalid-key where the key is not made of so many. */
export function splitKey(key: Key, count: number): string[] {
  if (count === 1) return [key];
  const parts = key.split('~');
  if (parts.length === count) return parts.map(unescapePart);
  throw new BanyanError('invalid-key', `"${key}" is not a key of ${count} parts, which are joined by "~"`);
}

function escapePart(text: string): string {
  return text.replaceAll('%', '%25').replaceAll('~', '%7E');
}

function unescapePart(text: string): string {
  return text.replaceAll('%7E', '~').replaceAll('%25', '%');
}

/** The canonical text of one part: a UUID in lower case, an integer in decimal; empty where there is no value. */
export function partText(value: Value | undefined): string {
  if (typeof value === 'number' || isExactNumber(value)) return numberText(value);
  return typeof value === 'string' ? value : '';
}

/** The key of a row or a record. */
export function keyOf(parts: readonly KeyPart[], row: Readonly<Record<string, Value | undefined>>): Key {
  return joinKey(parts.map(({ name }) => partText(row[name])));
}

/** What a row or a record has in its key columns. */
export function keyValues(parts: readonly KeyPart[], key: Key): Record<string, Value> {
  const texts = splitKey(key, parts.length);
  return Object.fromEntries(
    parts.map(({ name, type }, index) => [name, partValue(type, texts[index] as string)]),
  );
}

/** The value that a part has in a row. */
export function partValue(type: KeyType, text: string): Value {
  return type === 'int' ? exactNumber(text) : text;
}

/**
 * The order in which every store scans keys, part by part: integers by value, everything else by the bytes of its UTF-8
 * text (Postgres: uuid's own order, or COLLATE "C"). Returns a negative number, 0 or a positive number.
 */
export function compareKeys(types: KeyType | readonly KeyType[], a: Key, b: Key): number {
  if (typeof types === 'string') return compareParts(types, a, b);
  const others = splitKey(b, types.length);
  for (const [index, part] of splitKey(a, types.length).entries()) {
    const order = compareParts(types[index] as KeyType, part, others[index] as string);
    if (order !== 0) return order;
  }
  return 0;
}

function compareParts(type: KeyType, a: string, b: string): number {
  if (type === 'int') {
    const x = BigInt(a);
    const y = BigInt(b);
    return x < y ? -1 : x > y ? 1 : 0;
  }
  if (type === 'uuid' || type === 'objectid') return a < b ? -1 : a > b ? 1 : 0;
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

import type { FileHandle } from 'node:fs/promises';
import { placesOf, rowOf } from '../../domain/documents.ts';
import { compareText } from '../../domain/evaluate.ts';
import { keyOf, splitKey, type KeyPart } from '../../domain/keys.ts';
import type { KeyType } from '../../domain/model.ts';
import type { Row } from '../../domain/values.ts';
import type { Key } from '../../domain/words.ts';
import { readDocument } from './document.ts';
import { Break } from './errors.ts';
import { scan, type Layout } from './scan.ts';
import { Window } from './window.ts';

/** Where the records of a list are in their file, in the file's order, at 12 bytes a record. */
export class Ranges {
  count = 0;
  #offsets = new Float64Array(256);
  #lengths = new Uint32Array(256);

  push(offset: number, length: number): void {
    if (this.count === this.#offsets.length) this.#grow();
    this.#offsets[this.count] = offset;
    this.#lengths[this.count++] = length;
  }

  start(ordinal: number): number {
    return this.#offsets[ordinal] as number;
  }

  end(ordinal: number): number {
    return this.start(ordinal) + (this.#lengths[ordinal] as number);
  }

  /** The same ranges, all of them later in the file. */
  shifted(by: number): Ranges {
    if (by === 0) return this;
    const moved = new Ranges();
    moved.count = this.count;
    moved.#offsets = this.#offsets.map((offset) => offset + by);
    moved.#lengths = this.#lengths;
    return moved;
  }

  #grow(): void {
    const offsets = new Float64Array(this.count * 2);
    const lengths = new Uint32Array(this.count * 2);
    offsets.set(this.#offsets);
    lengths.set(this.#lengths);
    this.#offsets = offsets;
    this.#lengths = lengths;
  }
}

/** One list of records: an index of where each one is, by place and by key. Holds no record. */
export interface Collection {
  /** Offset of the byte after `[`, and of `]`. */
  open: number;
  close: number;
  ranges: Ranges;
  /** Keys in key order; null where no table of the store reads this list. */
  keys: readonly Key[] | null;
  /** The place in `ranges` of each of `keys`. */
  ordinals: Uint32Array;
}

/** The collections of a file by name; a file of one list has the one name null. */
export type Contents = ReadonlyMap<string | null, Collection>;

/** The keys that a file's collections are read by. */
export type KeysOf = ReadonlyMap<string | null, readonly KeyPart[]>;

/** Reads a file once. Throws a Break where it is no JSON, or where a record has no key or one that another has. */
export async function readContents(
  handle: FileHandle,
  layout: Layout,
  keysOf: KeysOf,
  checkTime: () => void,
): Promise<Contents> {
  const contents = new Map<string | null, Collection>();
  let reading: { name: string | null; open: number; ranges: Ranges; keys: Key[]; read: KeyReader | null };
  await scan(new Window(handle, checkTime), layout, {
    open: (name, open) => {
      const parts = keysOf.get(name);
      reading = { name, open, ranges: new Ranges(), keys: [], read: parts ? keyReader(parts) : null };
    },
    record: (bytes, offset) => {
      const key = within(offset, () => {
        const document = readDocument(bytes);
        return reading.read?.(rowOf(document, reading.read.places));
      });
      reading.ranges.push(offset, bytes.length);
      if (key !== undefined) reading.keys.push(key);
    },
    close: (close) => {
      const { name, open, ranges, keys } = reading;
      const parts = keysOf.get(name);
      const ordered = parts ? inKeyOrder(keys, ranges, parts) : { keys: null, ordinals: new Uint32Array(0) };
      contents.set(name, { open, close, ranges, ...ordered });
    },
  });
  return contents;
}

/** A Break in a record, as a Break in the file. */
function within<T>(offset: number, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw error instanceof Break ? new Break(offset + error.offset, error.found, error.expected) : error;
  }
}

const FORMS: Readonly<Record<KeyType, { pattern: RegExp; expected: string }>> = {
  uuid: { pattern: /^[0-9a-f-]{36}$/, expected: 'a UUID' },
  objectid: { pattern: /^[0-9a-f]{24}$/, expected: 'an ObjectId' },
  int: { pattern: /^(0|-?[1-9]\d{0,18})$/, expected: 'an integer' },
  text: { pattern: /^[^\0\p{Cs}]+$/u, expected: 'a text that is not empty and that Postgres can hold' },
};

interface KeyReader {
  (row: Row): Key;
  places: ReturnType<typeof placesOf>;
}

function keyReader(parts: readonly KeyPart[]): KeyReader {
  const places = placesOf(parts.map((part) => ({ ...part, list: false, nullable: false })));
  const read = (row: Row) => {
    const key = keyOf(parts, row);
    const texts = splitKey(key, parts.length);
    parts.forEach(({ name, type }, index) => {
      const { pattern, expected } = FORMS[type];
      if (pattern.test(texts[index] ?? '')) return;
      const found = row[name] === undefined ? `a record without "${name}"` : `"${name}" of another form`;
      throw new Break(0, found, `a record with ${expected} in "${name}"`);
    });
    return key;
  };
  return Object.assign(read, { places });
}

function inKeyOrder(
  keys: Key[],
  ranges: Ranges,
  parts: readonly KeyPart[],
): Pick<Collection, 'keys'> & { ordinals: Uint32Array } {
  const compare = keyOrder(parts);
  const ordinals = Uint32Array.from(keys, (_, ordinal) => ordinal);
  const keyAt = (ordinal: number) => keys[ordinal] as Key;
  ordinals.sort((a, b) => compare(keyAt(a), keyAt(b)) || a - b);
  const sorted = Array.from(ordinals, keyAt);
  for (let rank = 1; rank < sorted.length; rank++) {
    if (compare(sorted[rank - 1] as Key, sorted[rank] as Key) !== 0) continue;
    const again = ranges.start(ordinals[rank] as number);
    throw new Break(again, `the key "${sorted[rank]}" a second time`, 'each key once');
  }
  return { keys: sorted, ordinals };
}

/** The order of `compareKeys`, without its cost for keys that are compared by the million. */
export function keyOrder(parts: readonly KeyPart[]): (a: Key, b: Key) => number {
  const orders = parts.map(({ type }) => ORDERS[type]);
  const [only] = orders;
  if (orders.length === 1 && only) return only;
  return (a, b) => {
    const others = splitKey(b, orders.length);
    for (const [index, text] of splitKey(a, orders.length).entries()) {
      const order = orders[index]?.(text, others[index] as string) ?? 0;
      if (order !== 0) return order;
    }
    return 0;
  };
}

const byText = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);
const ORDERS: Readonly<Record<KeyType, (a: string, b: string) => number>> = {
  uuid: byText,
  objectid: byText,
  text: compareText,
  int: (a, b) => {
    if (a.length < 16 && b.length < 16) return Number(a) - Number(b);
    const difference = BigInt(a) - BigInt(b);
    return difference < 0n ? -1 : difference > 0n ? 1 : 0;
  },
};

/** How many of the keys come before `key`, or are it where `included`. */
export function rankOf(keys: readonly Key[], key: Key, parts: readonly KeyPart[], included = false): number {
  const compare = keyOrder(parts);
  let [low, high] = [0, keys.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    const order = compare(keys[middle] as Key, key);
    if (order < 0 || (included && order === 0)) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The place of a record in `ranges`, or null where no record has the key. */
export function ordinalOf(collection: Collection, key: Key, parts: readonly KeyPart[]): number | null {
  const keys = collection.keys ?? [];
  const rank = rankOf(keys, key, parts);
  return keys[rank] === key ? (collection.ordinals[rank] as number) : null;
}

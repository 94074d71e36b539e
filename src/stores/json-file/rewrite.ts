import type { Key } from '../../domain/words.ts';
import { keyOrder, ordinalOf, Ranges, type Collection, type Contents } from './contents.ts';
import type { Draft } from './draft.ts';
import type { Reading } from './file.ts';

/** A piece of the new file: a range of the old one, or bytes. */
export type Piece = { start: number; end: number } | Buffer;

/** A file laid out anew: what is not changed is copied byte for byte, gaps between records included. */
export interface Rewritten {
  pieces: Piece[];
  contents: Contents;
}

class Layouter {
  readonly pieces: Piece[] = [];
  /** Where the next byte goes. */
  offset = 0;

  copy(start: number, end: number): void {
    if (end === start) return;
    const last = this.pieces.at(-1);
    if (last && 'start' in last && last.end === start) last.end = end;
    else this.pieces.push({ start, end });
    this.offset += end - start;
  }

  add(bytes: Buffer): void {
    this.pieces.push(bytes);
    this.offset += bytes.length;
  }
}

/** Lays out a file with the changes of its drafts, by the name of the collection. */
export async function rewrite(
  reading: Reading,
  drafts: ReadonlyMap<string | null, Draft>,
): Promise<Rewritten> {
  const out = new Layouter();
  const contents = new Map<string | null, Collection>();
  let read = 0;
  for (const [name, collection] of reading.contents) {
    out.copy(read, collection.open);
    const open = out.offset;
    const draft = drafts.get(name);
    if (draft && draft.changes.size > 0) {
      contents.set(name, { open, ...(await rewriteList(out, reading, draft)) });
    } else {
      const ranges = collection.ranges.shifted(open - collection.open);
      out.copy(collection.open, collection.close);
      contents.set(name, { ...collection, open, close: out.offset, ranges });
    }
    read = collection.close;
  }
  out.copy(read, reading.size);
  return { pieces: out.pieces, contents };
}

async function rewriteList(out: Layouter, reading: Reading, draft: Draft): Promise<Omit<Collection, 'open'>> {
  const { collection, changes, parts } = draft;
  const { ranges } = collection;
  const { changed, added } = sortOut(draft);
  const next = new Ranges();
  /** Where each old record has gone; -1: nowhere. */
  const moved = new Int32Array(ranges.count).fill(-1);
  const place = (length: number) => next.push(out.offset, length);
  for (let ordinal = 0; ordinal < ranges.count; ordinal++) {
    const bytes = changed.get(ordinal);
    if (bytes === null) continue;
    // The white space and comma in front of a record; in front of the first one there is no comma.
    const at = next.count === 0 ? 0 : ordinal;
    out.copy(at === 0 ? collection.open : ranges.end(at - 1), ranges.start(at));
    moved[ordinal] = next.count;
    const [start, end] = [ranges.start(ordinal), ranges.end(ordinal)];
    place(bytes?.length ?? end - start);
    if (bytes) out.add(bytes);
    else out.copy(start, end);
  }
  const gaps = await gapsOf(reading, draft);
  for (const key of added) {
    const bytes = changes.get(key) as Buffer;
    out.add(next.count === 0 ? gaps.before : gaps.between);
    place(bytes.length);
    out.add(bytes);
  }
  if (next.count === 0) return { close: out.offset, ranges: next, keys: [], ordinals: new Uint32Array(0) };
  if (ranges.count > 0) out.copy(ranges.end(ranges.count - 1), collection.close);
  else out.add(gaps.after);
  const first = next.count - added.length;
  const arrived = new Map(added.map((key, index) => [key, first + index]));
  return { close: out.offset, ranges: next, ...mergeKeys(collection, moved, arrived, keyOrder(parts)) };
}

/** Changes of records that are in the file by their place there, and the keys of new ones. */
function sortOut({ collection, changes, parts }: Draft): {
  changed: Map<number, Buffer | null>;
  added: Key[];
} {
  const changed = new Map<number, Buffer | null>();
  const added: Key[] = [];
  for (const [key, bytes] of changes) {
    const ordinal = ordinalOf(collection, key, parts);
    if (ordinal !== null) changed.set(ordinal, bytes);
    else if (bytes) added.push(key);
  }
  return { changed, added };
}

/** What stands before, between and after records; taken from the file where it has some. */
async function gapsOf(
  reading: Reading,
  { collection }: Draft,
): Promise<{ before: Buffer; between: Buffer; after: Buffer }> {
  const { ranges, open } = collection;
  if (ranges.count === 0) return USUAL_GAPS;
  const before = await reading.bytes(open, ranges.start(0));
  const between =
    ranges.count > 1 ? await reading.bytes(ranges.end(0), ranges.start(1)) : Buffer.concat([COMMA, before]);
  return { before, between, after: USUAL_GAPS.after };
}

const COMMA = Buffer.from(',');
const USUAL_GAPS = { before: Buffer.from('\n  '), between: Buffer.from(',\n  '), after: Buffer.from('\n') };

/** The old keys that are left and the new ones, in key order. */
function mergeKeys(
  { keys, ordinals }: Collection,
  moved: Int32Array,
  arrived: ReadonlyMap<Key, number>,
  compare: (a: Key, b: Key) => number,
): { keys: Key[]; ordinals: Uint32Array } {
  const fresh = [...arrived].sort(([a], [b]) => compare(a, b));
  const merged: Key[] = [];
  const places = new Uint32Array((keys?.length ?? 0) + fresh.length);
  const take = (key: Key, ordinal: number) => {
    places[merged.length] = ordinal;
    merged.push(key);
  };
  let at = 0;
  keys?.forEach((key, rank) => {
    while (at < fresh.length && compare((fresh[at] as [Key, number])[0], key) < 0)
      take(...(fresh[at++] as [Key, number]));
    const ordinal = moved[ordinals[rank] as number] as number;
    if (ordinal >= 0) take(key, ordinal);
  });
  for (; at < fresh.length; at++) take(...(fresh[at] as [Key, number]));
  return { keys: merged, ordinals: places.slice(0, merged.length) };
}

import { compareKeys } from '../../domain/keys.ts';
import type { KeyType } from '../../domain/model.ts';
import type { Key } from '../../domain/words.ts';

/** How long a list of keys is good for a scan that goes on; ms. What changes meanwhile is marked by its writer. */
const FRESH = 60_000;

/**
 * All keys of a table in key order, for scans of an API that cannot give them so. They are read when a scan begins and
 * kept for its further pages: keys only, so that a million records cost some 60 MB and not their size.
 */
export class KeyList {
  readonly #read: () => Promise<Key[]>;
  readonly #compare: (a: Key, b: Key) => number;
  #kept: { keys: Key[]; at: number } | null = null;

  constructor(read: () => Promise<Key[]>, type: KeyType) {
    this.#read = read;
    this.#compare = (a, b) => compareKeys(type, a, b);
  }

  /** Up to `limit` keys beyond `after`. */
  async after(after: Key | null, limit: number): Promise<Key[]> {
    const old = this.#kept && performance.now() - this.#kept.at < FRESH ? this.#kept : null;
    const keys = after !== null && old ? old.keys : await this.#fresh();
    const from = after === null ? 0 : this.#rankAfter(keys, after);
    const page = keys.slice(from, from + limit);
    if (page.length < limit) this.#kept = null;
    return page;
  }

  async highest(): Promise<Key | null> {
    return (await this.#fresh()).at(-1) ?? null;
  }

  async #fresh(): Promise<Key[]> {
    // An API that pages by number gives a record twice when another one is made before it.
    const keys = [...new Set(await this.#read())].sort(this.#compare);
    this.#kept = { keys, at: performance.now() };
    return keys;
  }

  #rankAfter(keys: readonly Key[], after: Key): number {
    let [low, high] = [0, keys.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#compare(keys[middle] as Key, after) <= 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

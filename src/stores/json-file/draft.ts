import type { Document } from '../../domain/documents.ts';
import type { KeyPart } from '../../domain/keys.ts';
import type { Key } from '../../domain/words.ts';
import { ordinalOf, type Collection } from './contents.ts';
import { documentText, readDocument, readForChange, styleOf, USUAL, type Style } from './document.ts';
import type { Reading } from './file.ts';

/** Texts by key; null: the record is gone. */
export type Changes = ReadonlyMap<Key, Buffer | null>;

/** What writes that are done together make of one collection, on top of the file as it is. */
export class Draft {
  readonly collection: Collection;
  readonly #reading: Reading;
  readonly #parts: readonly KeyPart[];
  readonly #changes = new Map<Key, Buffer | null>();
  #style: Style | null = null;

  constructor(reading: Reading, collection: Collection, parts: readonly KeyPart[]) {
    this.#reading = reading;
    this.collection = collection;
    this.#parts = parts;
  }

  get changes(): Changes {
    return this.#changes;
  }

  get parts(): readonly KeyPart[] {
    return this.#parts;
  }

  /** Whether a key is there after the changes so far. */
  has(key: Key): boolean {
    const changed = this.#changes.get(key);
    if (changed !== undefined) return changed !== null;
    return ordinalOf(this.collection, key, this.#parts) !== null;
  }

  /** The greatest key after the changes so far, by the file's order. */
  keys(): readonly Key[] {
    return [...(this.collection.keys ?? []).slice(-1), ...this.#changes.keys()];
  }

  /** The texts of the records that are there, by key. */
  async texts(keys: readonly Key[]): Promise<Map<Key, Buffer>> {
    const found = new Map<Key, Buffer>();
    const inFile: { key: Key; ordinal: number }[] = [];
    for (const key of keys) {
      const changed = this.#changes.get(key);
      const ordinal = changed === undefined ? ordinalOf(this.collection, key, this.#parts) : null;
      if (changed) found.set(key, changed);
      else if (ordinal !== null) inFile.push({ key, ordinal });
    }
    const texts = await this.#reading.records(
      this.collection,
      inFile.map(({ ordinal }) => ordinal),
    );
    inFile.forEach(({ key }, index) => found.set(key, texts[index] as Buffer));
    return found;
  }

  /** Puts a record of which `present` is the text, or none. Answers the document as it can be read back. */
  async put(key: Key, present: Buffer | undefined, change: (document: Document) => void): Promise<Document> {
    const document = present ? readForChange(present) : {};
    change(document);
    const style = present ? styleOf(present.toString('utf8')) : await this.style();
    const text = Buffer.from(documentText(document, style));
    if (!present?.equals(text)) this.#changes.set(key, text);
    return readDocument(text);
  }

  remove(key: Key): boolean {
    if (!this.has(key)) return false;
    this.#changes.set(key, null);
    return true;
  }

  /** New records look like the first one. */
  async style(): Promise<Style> {
    if (this.#style) return this.#style;
    const [first] = this.collection.ranges.count ? await this.#reading.records(this.collection, [0]) : [];
    return (this.#style = first ? styleOf(first.toString('utf8')) : USUAL);
  }
}

import { randomBytes } from 'node:crypto';
import { v7 as timeOrderedId } from 'uuid';
import {
  columnsOf,
  isDocument,
  placesOf,
  rowOf,
  setUnnamed,
  unnamedOf,
  type Document,
  type Place,
} from '../../domain/documents.ts';
import { BanyanError } from '../../domain/errors.ts';
import { predicate, rowOrder, type Columns } from '../../domain/evaluate.ts';
import { valueProblem } from '../../domain/json-values.ts';
import { keyOf, keyValues } from '../../domain/keys.ts';
import type { KeyType } from '../../domain/model.ts';
import type { Condition, ListQuery } from '../../domain/query.ts';
import { Fold, type StatisticsGroup, type StatisticsQuery } from '../../domain/statistics.ts';
import { exactNumber, type Row, type Value } from '../../domain/values.ts';
import type { Key } from '../../domain/words.ts';
import type { Table, TableSpec } from '../contract.ts';
import { collectionOf } from './collections.ts';
import type { Committer } from './commit.ts';
import { ordinalOf, rankOf, type Collection } from './contents.ts';
import { readDocument, writeAt } from './document.ts';
import type { Draft } from './draft.ts';
import { tooLate, type Asked } from './errors.ts';
import type { JsonFile, Reading } from './file.ts';
import { Page, fieldsOf } from './page.ts';

/** A list of records in a JSON file. */
export class JsonFileTable implements Table {
  readonly spec: TableSpec;
  readonly #file: JsonFile;
  readonly #committer: Committer;
  readonly #collection: string | null;
  readonly #timeout: number;
  readonly #asked: Asked;
  readonly #columns: Columns;
  readonly #places: readonly Place[];

  /** `collection` is null where the file is one list. `timeout` in milliseconds. */
  constructor(
    store: string,
    spec: TableSpec,
    at: { file: JsonFile; committer: Committer; collection: string | null; timeout: number },
  ) {
    this.spec = spec;
    this.#file = at.file;
    this.#committer = at.committer;
    this.#collection = at.collection;
    this.#timeout = at.timeout;
    this.#asked = { title: `store "${store}", table "${spec.name}"`, path: at.file.path };
    this.#columns = columnsOf(spec);
    this.#places = placesOf(this.#columns.values());
  }

  describe(): Promise<null> {
    return Promise.reject(this.#cannot('describe its tables'));
  }

  async get(keys: readonly Key[]): Promise<Map<Key, Row>> {
    return await this.#read(async (reading, collection) => {
      const found = new Map<Key, number>();
      for (const key of keys) {
        const ordinal = ordinalOf(collection, key, this.spec.keys);
        if (ordinal !== null) found.set(key, ordinal);
      }
      const rows = await this.#rows(reading, collection, [...found.values()]);
      return new Map([...found.keys()].map((key, index) => [key, rows[index] as Row]));
    });
  }

  async list(query: ListQuery): Promise<{ rows: Row[]; total: number | null }> {
    const { where, sort, limit, offset } = query;
    const holds = predicate(where, this.#columns);
    const order = rowOrder(sort, this.#columns);
    const places = this.#placesFor([...fieldsOf(where), ...sort.map(({ field }) => field)]);
    return await this.#read(async (reading, collection, checkTime) => {
      const page = new Page(offset, limit, order);
      await reading.each(collection, checkTime, (bytes, ordinal) => {
        const row = rowOf(readDocument(bytes), places);
        if (holds(row)) page.add({ ordinal, values: sort.map(({ field }) => row[field] ?? null) });
      });
      const rows = await this.#rows(reading, collection, page.ordinals());
      return { rows, total: query.total ? page.matches : null };
    });
  }

  async scan(after: Key | null, limit: number): Promise<Row[]> {
    return await this.#read(async (reading, collection) => {
      const from = this.#rankAfter(collection, after);
      return await this.#rows(reading, collection, [...collection.ordinals.slice(from, from + limit)]);
    });
  }

  async scanKeys(after: Key | null, limit: number): Promise<Key[]> {
    return await this.#read((_, collection) => {
      const from = this.#rankAfter(collection, after);
      return Promise.resolve((collection.keys ?? []).slice(from, from + limit));
    });
  }

  async count(where?: Condition): Promise<number> {
    if (!where) return await this.#read((_, { ranges }) => Promise.resolve(ranges.count));
    let count = 0;
    await this.#eachWhere(
      where,
      () => {
        count++;
        return true;
      },
      () => (count = 0),
    );
    return count;
  }

  /** In one pass over the file. */
  async statistics(query: StatisticsQuery): Promise<StatisticsGroup[]> {
    const holds = predicate(query.where, this.#columns);
    const named = [...query.groupBy, ...query.measures].map(({ field }) => field);
    const places = this.#placesFor([...fieldsOf(query.where), ...named]);
    return await this.#read(async (reading, collection, checkTime) => {
      const fold = new Fold(query, (field) => this.#columns.get(field)?.type ?? 'text');
      await reading.each(collection, checkTime, (bytes) => {
        const row = rowOf(readDocument(bytes), places);
        if (holds(row)) fold.add(row);
      });
      return fold.result;
    });
  }

  async keysWhere(where: Condition, limit: number): Promise<Key[]> {
    let keys: Key[] = [];
    if (limit === 0) return keys;
    await this.#eachWhere(
      where,
      (row) => keys.push(keyOf(this.spec.keys, row)) < limit,
      () => (keys = []),
    );
    return keys;
  }

  async insert(row: Row): Promise<Row> {
    this.#check(row);
    return await this.#write(async (draft) => {
      const keyed = { ...row, ...this.#drawn(row, draft) };
      const key = keyOf(this.spec.keys, keyed);
      if (draft.has(key)) throw this.#duplicate(key);
      const document = await draft.put(key, undefined, (empty) => {
        for (const place of this.#places)
          if (keyed[place.column.name] !== undefined) writeAt(empty, place, keyed[place.column.name]);
        this.#writeRest(empty, keyed);
      });
      return this.#row(document);
    });
  }

  async update(key: Key, changes: Row, where?: Condition): Promise<Row | null> {
    this.#check(changes);
    const holds = predicate(where, this.#columns);
    const next = keyOf(this.spec.keys, { ...keyValues(this.spec.keys, key), ...changes });
    return await this.#write(async (draft) => {
      const present = (await draft.texts([key])).get(key);
      if (!present || !holds(this.#row(readDocument(present)))) return null;
      if (next !== key && draft.has(next)) throw this.#duplicate(next);
      if (next !== key) draft.remove(key);
      const document = await draft.put(next, present, (whole) => {
        for (const place of this.#places)
          if (Object.hasOwn(changes, place.column.name)) writeAt(whole, place, changes[place.column.name]);
        this.#writeRest(whole, changes);
      });
      return this.#row(document);
    });
  }

  async remove(key: Key, where?: Condition): Promise<boolean> {
    const holds = predicate(where, this.#columns);
    return await this.#write(async (draft) => {
      const present = where && (await draft.texts([key])).get(key);
      if (where && !(present && holds(this.#row(readDocument(present))))) return false;
      return draft.remove(key);
    });
  }

  async upsertMany(rows: readonly Row[]): Promise<void> {
    if (rows.length === 0) return;
    for (const row of rows) this.#check(row);
    await this.#write(async (draft) => {
      const keyed = rows.map((row) => ({ key: keyOf(this.spec.keys, row), row }));
      const present = await draft.texts(keyed.map(({ key }) => key));
      for (const { key, row } of keyed)
        await draft.put(key, present.get(key), (document) => this.#writeWhole(document, row));
    });
  }

  async removeMany(keys: readonly Key[]): Promise<void> {
    if (keys.length === 0) return;
    await this.#write((draft) => {
      for (const key of keys) draft.remove(key);
      return Promise.resolve();
    });
  }

  advanceSequence(): Promise<void> {
    return Promise.reject(this.#cannot('set a sequence'));
  }

  async highestKey(): Promise<Key | null> {
    return await this.#read((_, { keys }) => Promise.resolve(keys?.at(-1) ?? null));
  }

  within(): Table {
    throw this.#cannot('take part in a transaction');
  }

  /** The columns of a row that has all of them. The other side has null also for what is missing here: it stays missing. */
  #writeWhole(document: Parameters<typeof writeAt>[0], row: Row): void {
    const known = rowOf(document, this.#places);
    const isNew = Object.keys(document).length === 0;
    for (const place of this.#places) {
      const { name } = place.column;
      const value = row[name];
      const staysMissing = value === null && known[name] === undefined && !isNew;
      if (!staysMissing) writeAt(document, place, value);
    }
    this.#writeRest(document, row);
  }

  #row(document: Document): Row {
    const row = rowOf(document, this.#places);
    if (this.spec.rest !== undefined) row[this.spec.rest] = unnamedOf(document, this.#places);
    return row;
  }

  #writeRest(document: Document, row: Row): void {
    const rest = this.spec.rest === undefined ? undefined : row[this.spec.rest];
    if (rest === undefined) return;
    if (rest !== null && !isDocument(rest))
      throw this.#refused(String(this.spec.rest), 'must be an object: the members that no column names');
    setUnnamed(document, this.#places, rest ?? {});
  }

  async #eachWhere(where: Condition, visit: (row: Row) => boolean, restart: () => void): Promise<void> {
    const holds = predicate(where, this.#columns);
    const places = this.#placesFor([...fieldsOf(where), ...this.spec.keys.map(({ name }) => name)]);
    await this.#read(async (reading, collection, checkTime) => {
      restart();
      await reading.each(collection, checkTime, (bytes) => {
        const row = rowOf(readDocument(bytes), places);
        return !holds(row) || visit(row);
      });
    });
  }

  async #rows(reading: Reading, collection: Collection, ordinals: readonly number[]): Promise<Row[]> {
    const texts = await reading.records(collection, ordinals);
    return texts.map((text) => this.#row(readDocument(text)));
  }

  async #read<T>(
    work: (reading: Reading, collection: Collection, checkTime: () => void) => Promise<T>,
  ): Promise<T> {
    const until = performance.now() + this.#timeout;
    const checkTime = () => {
      if (performance.now() > until) throw tooLate(this.#asked, 'reading the file');
    };
    return await this.#file.read(this.#asked, until, async (reading) =>
      work(reading, collectionOf(reading, this.#collection, this.#asked), checkTime),
    );
  }

  async #write<T>(edit: (draft: Draft) => Promise<T>): Promise<T> {
    return await this.#committer.submit({
      asked: this.#asked,
      collection: this.#collection,
      parts: this.spec.keys,
      until: performance.now() + this.#timeout,
      edit,
    });
  }

  #rankAfter({ keys }: Collection, after: Key | null): number {
    return after === null ? 0 : rankOf(keys ?? [], after, this.spec.keys, true);
  }

  #placesFor(fields: readonly string[]): Place[] {
    return this.#places.filter(({ column }) => fields.includes(column.name));
  }

  /** What a file does not check by itself. */
  #check(row: Row): void {
    for (const [name, value] of Object.entries(row)) {
      if (name === this.spec.rest) continue;
      const column = this.#columns.get(name);
      if (!column) {
        const message = `${this.#asked.title} has no column "${name}"; it has ${[...this.#columns.keys()].join(', ')}`;
        throw new BanyanError('validation-failed', message, { details: { field: name } });
      }
      const problem = value === undefined ? null : valueProblem(value, column);
      if (problem !== null) throw this.#refused(name, problem);
    }
  }

  /** Parts of the key that a new row lacks. */
  #drawn(row: Row, draft: Draft): Row {
    const missing = this.spec.keys.filter(({ name }) => (row[name] ?? null) === null);
    return Object.fromEntries(missing.map(({ name, type }) => [name, DRAW[type](draft.keys())]));
  }

  #refused(field: string, problem: string): BanyanError {
    return new BanyanError('constraint-violated', `${this.#asked.title}: "${field}" ${problem}`, {
      details: { field },
    });
  }

  #duplicate(key: Key): BanyanError {
    const field = this.spec.keys.map(({ name }) => name).join(', ');
    return new BanyanError('duplicate', `${this.#asked.title} already has a record with the key "${key}"`, {
      details: { field },
    });
  }

  #cannot(what: string): BanyanError {
    return new BanyanError('internal', `${this.#asked.title} cannot ${what}: its capabilities say so.`);
  }
}

/** A new key; `keys` has the greatest one of the file and all that were drawn since. */
const DRAW: Readonly<Record<KeyType, (keys: readonly Key[]) => Value>> = {
  uuid: () => timeOrderedId(),
  text: () => timeOrderedId(),
  objectid: () =>
    Math.floor(Date.now() / 1_000)
      .toString(16)
      .padStart(8, '0') + randomBytes(8).toString('hex'),
  int: (keys) => {
    const greatest = keys.reduce((most, key) => (BigInt(key) > most ? BigInt(key) : most), 0n);
    return exactNumber(String(greatest + 1n));
  },
};

import { ObjectId, type AnyBulkWriteOperation, type Collection, type Document } from 'mongodb';
import { BanyanError } from '../../domain/errors.ts';
import type { Condition, ListQuery } from '../../domain/query.ts';
import type { Row } from '../../domain/values.ts';
import type { Key } from '../../domain/words.ts';
import type { ActualTable, Table, TableSpec } from '../contract.ts';
import type { Channel, Within } from './channel.ts';
import { filterOf } from './conditions.ts';
import { describeCollection, foreignKeys } from './description.ts';
import { Documents } from './documents.ts';
import { readPage } from './pages.ts';
import { newDocument, updateStages } from './updates.ts';
import { LEAST_KEY } from './values.ts';

/** Documents in one request. */
const BATCH = 500;

/** A collection. */
export class MongoTable implements Table {
  readonly spec: TableSpec;
  readonly #channel: Channel;
  readonly #documents: Documents;
  readonly #collection: Collection<Document>;
  readonly #title: string;
  readonly #keyProjection: Document;

  constructor(store: string, spec: TableSpec, channel: Channel) {
    this.spec = spec;
    this.#channel = channel;
    this.#documents = new Documents(spec);
    this.#collection = channel.collection(spec.name);
    this.#title = `store "${store}", collection "${spec.name}"`;
    this.#keyProjection = spec.key === '_id' ? { _id: 1 } : { [spec.key]: 1, _id: 0 };
  }

  async describe(): Promise<ActualTable | null> {
    const { database } = this.#channel;
    return await this.#channel.read(this.#title, (within) => describeCollection(database, this.spec, within));
  }

  async get(keys: readonly Key[]): Promise<Map<Key, Row>> {
    const found = new Map<Key, Row>();
    if (keys.length === 0) return found;
    await this.#channel.read(this.#title, async (within) => {
      const wanted = keys.map((key) => this.#documents.nativeKey(key));
      const filter = { [this.spec.key]: wanted.length === 1 ? wanted[0] : { $in: wanted } };
      const { projection } = this.#documents;
      const cursor = this.#collection.find(filter, { projection, batchSize: keys.length + 1, ...within });
      for (const document of await cursor.toArray())
        found.set(this.#documents.key(document), this.#documents.row(document));
    });
    return found;
  }

  async list(query: ListQuery): Promise<{ rows: Row[]; total: number | null }> {
    const { key } = this.spec;
    const { columns, projection } = this.#documents;
    const filter = filterOf(query.where, columns);
    if (filter === null) return { rows: [], total: query.total ? 0 : null };
    return await this.#channel.read(this.#title, async (within) => {
      const documents = await readPage(this.#collection, query, { key, columns, projection }, within);
      const total = query.total ? await this.#collection.countDocuments(filter, within) : null;
      return { rows: documents.map((document) => this.#documents.row(document)), total };
    });
  }

  async scan(after: Key | null, limit: number): Promise<Row[]> {
    const documents = await this.#scan(after, limit, this.#documents.projection);
    return documents.map((document) => this.#documents.row(document));
  }

  async scanKeys(after: Key | null, limit: number): Promise<Key[]> {
    return (await this.#scan(after, limit, this.#keyProjection)).map((document) =>
      this.#documents.key(document),
    );
  }

  async #scan(after: Key | null, limit: number, projection: Document): Promise<Document[]> {
    const { key, keyType } = this.spec;
    // Ranges hold values of one type only; the first page too, so that no other type comes in between.
    const range = after === null ? { $gte: LEAST_KEY[keyType] } : { $gt: this.#documents.nativeKey(after) };
    return await this.#channel.read(this.#title, async (within) => {
      const options = { projection, limit, batchSize: limit, ...within };
      const documents = await this.#collection
        .find({ [key]: range }, options)
        .sort({ [key]: 1 })
        .toArray();
      if (documents.length < limit) await this.#noForeignKeys(within);
      return documents;
    });
  }

  /** A scan that left out documents because of their key's type must not look like a whole one. */
  async #noForeignKeys(within: Within): Promise<void> {
    const problem = await foreignKeys(this.#collection, this.spec, within);
    if (problem !== null) throw new BanyanError('store-answer', `${this.#title}: ${problem}`);
  }

  async count(where?: Condition): Promise<number> {
    const filter = filterOf(where, this.#documents.columns);
    if (filter === null) return 0;
    return await this.#channel.read(this.#title, (within) => this.#collection.countDocuments(filter, within));
  }

  async keysWhere(where: Condition, limit: number): Promise<Key[]> {
    const filter = filterOf(where, this.#documents.columns);
    if (filter === null || limit === 0) return [];
    return await this.#channel.read(this.#title, async (within) => {
      const options = { projection: this.#keyProjection, limit, ...within };
      const cursor = this.#collection.find(filter, options).sort({ [this.spec.key]: 1 });
      return (await cursor.toArray()).map((document) => this.#documents.key(document));
    });
  }

  async insert(row: Row): Promise<Row> {
    const document = newDocument(this.#documents.changes(this.#withKey(row), false));
    await this.#channel.write(this.#title, (within) => this.#collection.insertOne(document, within));
    return this.#documents.row(document);
  }

  /** The driver draws ObjectIds; no other key comes by itself. */
  #withKey(row: Row): Row {
    const { key, keyType, name } = this.spec;
    if ((row[key] ?? null) !== null) return row;
    if (keyType === 'objectid') return { ...row, [key]: new ObjectId().toHexString() };
    const message = `A new document of collection "${name}" needs its "${key}": MongoDB draws ObjectIds only.`;
    throw new BanyanError('validation-failed', message, { details: { field: key } });
  }

  async update(key: Key, changes: Row): Promise<Row | null> {
    const stages = updateStages(this.#documents.changes(changes, false), this.spec.key);
    if (stages.length === 0) return (await this.get([key])).get(key) ?? null;
    const filter = this.#documents.byKey(key);
    const { projection } = this.#documents;
    const document = await this.#channel.write(this.#title, (within) =>
      this.#collection.findOneAndUpdate(filter, stages, { returnDocument: 'after', projection, ...within }),
    );
    return document && this.#documents.row(document);
  }

  async remove(key: Key): Promise<boolean> {
    const filter = this.#documents.byKey(key);
    const { deletedCount } = await this.#channel.write(this.#title, (within) =>
      this.#collection.deleteOne(filter, within),
    );
    return deletedCount > 0;
  }

  async upsertMany(rows: readonly Row[]): Promise<void> {
    if (rows.length === 0) return;
    const writes = rows.map((row) => this.#upsert(row));
    await this.#channel.write(this.#title, async (within) => {
      for (let at = 0; at < writes.length; at += BATCH)
        await this.#collection.bulkWrite(writes.slice(at, at + BATCH), { ordered: false, ...within });
    });
  }

  #upsert(row: Row): AnyBulkWriteOperation {
    const key = this.#documents.key(newDocument(this.#documents.changes(row, false)));
    const filter = this.#documents.byKey(key);
    const stages = updateStages(this.#documents.changes(row, true), this.spec.key);
    // A record that is nothing but its key still has to be there.
    const update =
      stages.length > 0
        ? stages
        : [{ $set: { [this.spec.key]: { $literal: filter[this.spec.key] as unknown } } }];
    return { updateOne: { filter, update, upsert: true } };
  }

  async removeMany(keys: readonly Key[]): Promise<void> {
    if (keys.length === 0) return;
    const natives = keys.map((key) => this.#documents.nativeKey(key));
    await this.#channel.write(this.#title, (within) =>
      this.#collection.deleteMany({ [this.spec.key]: { $in: natives } }, within),
    );
  }

  advanceSequence(): Promise<void> {
    return Promise.reject(this.#cannot('set a sequence'));
  }

  async highestKey(): Promise<Key | null> {
    const { key, keyType } = this.spec;
    const document = await this.#channel.read(this.#title, (within) =>
      this.#collection.findOne(
        { [key]: { $gte: LEAST_KEY[keyType] } },
        { sort: { [key]: -1 }, projection: this.#keyProjection, ...within },
      ),
    );
    return document && this.#documents.key(document);
  }

  within(): Table {
    throw this.#cannot('take part in a transaction');
  }

  #cannot(what: string): BanyanError {
    return new BanyanError('internal', `${this.#title} cannot ${what}: its capabilities say so.`);
  }
}

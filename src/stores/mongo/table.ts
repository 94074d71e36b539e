import { ObjectId, type AnyBulkWriteOperation, type Collection, type Document } from 'mongodb';
import { BanyanError, isBanyanError } from '../../domain/errors.ts';
import type { Condition, Estimate, ListQuery } from '../../domain/query.ts';
import type { StatisticsGroup, StatisticsQuery } from '../../domain/statistics.ts';
import type { Row } from '../../domain/values.ts';
import type { Key } from '../../domain/words.ts';
import type { ActualTable, InsertManyOptions, InsertOutcome, Table, TableSpec } from '../contract.ts';
import { outcomeOf } from '../insert-many.ts';
import type { Channel, Within } from './channel.ts';
import { filterOf } from './conditions.ts';
import { describeCollection, foreignKeys } from './description.ts';
import { Documents } from './documents.ts';
import { refusals } from './errors.ts';
import { readPage } from './pages.ts';
import { readStatistics, statisticsStages } from './statistics.ts';
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
      // A number that is not whole has no place in the order of the other side's keys.
      if (keyType === 'int') for (const document of documents) this.#documents.key(document);
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

  /** The server knows the size of a whole collection; of a part of it nobody does before it is counted. */
  async estimate(where: Condition | null): Promise<Estimate> {
    if (where) return { count: await this.count(where), exact: true };
    const count = await this.#channel.read(this.#title, (within) =>
      this.#collection.estimatedDocumentCount(within),
    );
    return { count, exact: false };
  }

  async statistics(query: StatisticsQuery): Promise<StatisticsGroup[]> {
    const { columns } = this.#documents;
    const stages = statisticsStages(query, columns);
    if (stages === null) return [];
    return await this.#channel.read(this.#title, async (within) =>
      readStatistics(await this.#collection.aggregate(stages, within).toArray(), query, columns),
    );
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
    const document = this.#newDocument(row);
    await this.#channel.write(this.#title, (within) => this.#collection.insertOne(document, within));
    return this.#documents.row(document);
  }

  async insertMany(
    rows: readonly Row[],
    { beforeRequest }: InsertManyOptions = {},
  ): Promise<InsertOutcome[]> {
    const outcomes: InsertOutcome[] = [];
    const documents: { document: Document; at: number }[] = [];
    rows.forEach((row, at) => {
      try {
        const document = this.#newDocument(row);
        documents.push({ document, at });
        outcomes[at] = { row: this.#documents.row(document) };
      } catch (error) {
        if (!isBanyanError(error)) throw error;
        outcomes[at] = { error };
      }
    });
    for (let from = 0; from < documents.length; from += BATCH) {
      const batch = documents.slice(from, from + BATCH);
      const failed = await this.#insertBatch(
        batch.map(({ document }) => document),
        beforeRequest,
      );
      for (const [index, error] of failed) outcomes[(batch[index] as { at: number }).at] = { error };
    }
    return outcomes;
  }

  /** What was refused, by its place; with a failure of the whole request, every document. */
  async #insertBatch(
    documents: Document[],
    beforeRequest: (() => void) | undefined,
  ): Promise<Map<number, BanyanError>> {
    const refused = new Map<number, BanyanError>();
    const insert = async (within: Within) => {
      try {
        await this.#collection.insertMany(documents, { ordered: false, ...within });
      } catch (error) {
        for (const [index, one] of refusals(error, { title: this.#title, writes: true, sent: true }))
          refused.set(index, one);
      }
    };
    try {
      beforeRequest?.();
      await this.#channel.write(this.#title, insert);
      return refused;
    } catch (error) {
      const { error: whole } = outcomeOf(error);
      return new Map(documents.map((_, index) => [index, whole]));
    }
  }

  #newDocument(row: Row): Document {
    return newDocument(this.#documents.changes(this.#withKey(row), { whole: false }));
  }

  /** The driver draws ObjectIds; no other key comes by itself. */
  #withKey(row: Row): Row {
    const { key, keyType, name } = this.spec;
    if ((row[key] ?? null) !== null) return row;
    if (keyType === 'objectid') return { ...row, [key]: new ObjectId().toHexString() };
    const message = `A new document of collection "${name}" needs its "${key}": MongoDB draws ObjectIds only.`;
    throw new BanyanError('validation-failed', message, { details: { field: key } });
  }

  async update(key: Key, changes: Row, where?: Condition): Promise<Row | null> {
    const filter = this.#filterOf(key, where);
    if (filter === null) return null;
    const { projection } = this.#documents;
    const document = await this.#channel.write(this.#title, async (within) => {
      const present = await this.#present([key], [changes], within);
      const stages = this.#stages(changes, { whole: false, present: present.get(key) });
      if (stages.length === 0) return await this.#collection.findOne(filter, { projection, ...within });
      const options = { returnDocument: 'after', projection, ...within } as const;
      return await this.#collection.findOneAndUpdate(filter, stages, options);
    });
    return document && this.#documents.row(document);
  }

  async remove(key: Key, where?: Condition): Promise<boolean> {
    const filter = this.#filterOf(key, where);
    if (filter === null) return false;
    const { deletedCount } = await this.#channel.write(this.#title, (within) =>
      this.#collection.deleteOne(filter, within),
    );
    return deletedCount > 0;
  }

  #filterOf(key: Key, where: Condition | undefined): Document | null {
    const filter = filterOf(where, this.#documents.columns);
    return filter && { $and: [this.#documents.byKey(key), filter] };
  }

  async upsertMany(rows: readonly Row[]): Promise<void> {
    if (rows.length === 0) return;
    // What does not fit is refused before anything is written.
    for (const row of rows) this.#documents.changes(row, { whole: true });
    await this.#channel.write(this.#title, async (within) => {
      for (let at = 0; at < rows.length; at += BATCH) {
        const batch = rows.slice(at, at + BATCH);
        const keys = batch.map((row) => this.#documents.keyOf(row));
        const present = await this.#present(keys, batch, within);
        const writes = batch.map((row, index) => this.#upsert(row, present.get(keys[index] as Key)));
        await this.#collection.bulkWrite(writes, { ordered: false, ...within });
      }
    });
  }

  #upsert(row: Row, present: Document | undefined): AnyBulkWriteOperation {
    const filter = this.#documents.byKey(this.#documents.keyOf(row));
    const stages = this.#stages(row, { whole: true, present });
    // A record that is nothing but its key still has to be there.
    const own = { $set: { [this.spec.key]: { $literal: filter[this.spec.key] as unknown } } };
    return { updateOne: { filter, update: stages.length > 0 ? stages : [own], upsert: true } };
  }

  #stages(row: Row, how: { whole: boolean; present: Document | undefined }): Document[] {
    return updateStages(this.#documents.changes(row, how), this.spec.key, this.#documents.columns.keys());
  }

  /** The documents of some keys, as far as a write of such rows has to know them. */
  async #present(keys: readonly Key[], rows: readonly Row[], within: Within): Promise<Map<Key, Document>> {
    // Any of them: one that lacks a column says nothing of the others.
    if (!rows.some((row) => this.#documents.needsPresent(row))) return new Map();
    const projection = this.#documents.besides ?? {};
    const filter = { [this.spec.key]: { $in: keys.map((key) => this.#documents.nativeKey(key)) } };
    const found = await this.#collection.find(filter, { projection, ...within }).toArray();
    return new Map(found.map((document) => [this.#documents.key(document), document]));
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

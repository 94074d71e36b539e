import type { ResourceSettings } from '../domain/configuration.ts';
import { BanyanError } from '../domain/errors.ts';
import { misfitsOf, misfitText } from '../domain/misfits.ts';
import type { ReferenceSpec } from '../domain/model.ts';
import {
  stretchesAfter,
  type Condition,
  type Estimate,
  type ListQuery,
  type PageStart,
  type SortBy,
} from '../domain/query.ts';
import type { Database, Sql } from '../domain/sql.ts';
import { sameValue, type PublicRecord, type Row, type Value } from '../domain/values.ts';
import type { Key, ResourceName, Side } from '../domain/words.ts';
import { refuseBroken } from '../mapping/broken.ts';
import type { Mapping } from '../mapping/mapping.ts';
import { drawIds } from '../state/drawn-ids.ts';
import type { InsertManyOptions, Store, Table } from '../stores/contract.ts';
import { insertManyAgain } from '../stores/insert-many.ts';

/** How long requests of one side's store take and when they can no longer land; milliseconds (A1). */
export interface Timing {
  timeout: number;
  deadline: number;
}

/** What a record must hold to be changed or deleted; one that does not is as if it were not there. */
export interface FieldValue {
  field: string;
  value: Value;
}

/** A page of a list. */
export interface RecordPage {
  records: PublicRecord[];
  /** Number of all that match, where it was asked for. */
  total: number | null;
  /** Left out: it is exact. */
  totalIsEstimate?: boolean;
}

/** What became of one record of many that were to be created. */
export type CreateOutcome = { record: PublicRecord } | { error: BanyanError };

/** One side of a resource, in public records. */
export class RecordSide {
  readonly side: Side;
  readonly store: Store;
  readonly timing: Timing;
  readonly table: Table;
  private readonly mapping: Mapping;

  constructor(side: Side, mapping: Mapping, store: Store, timing: Timing, table?: Table) {
    this.side = side;
    this.mapping = mapping;
    this.store = store;
    this.timing = timing;
    this.table = table ?? store.table(mapping.tables[side]);
  }

  /** The same side inside a transaction of the control database. */
  within(sql: Sql): RecordSide {
    return new RecordSide(this.side, this.mapping, this.store, this.timing, this.table.within(sql));
  }

  async get(keys: readonly Key[]): Promise<Map<Key, PublicRecord>> {
    const rows = await this.table.get(this.ownKeys(keys));
    return new Map(
      [...rows].map(([own, row]) => [
        this.mapping.ids.fromSide(this.side, own),
        this.mapping.readRecord(this.side, row),
      ]),
    );
  }

  /** A record beside the row that it is made of, both null where there is none. */
  async getWhole(key: Key): Promise<{ record: PublicRecord | null; row: Row | null }> {
    const [row] = (await this.table.get(this.ownKeys([key]))).values();
    return row ? { record: this.mapping.readRecord(this.side, row), row } : { record: null, row: null };
  }

  async list(query: ListQuery): Promise<RecordPage> {
    const { after, ...plain } = query;
    const where = query.where && this.mapping.condition(this.side, query.where);
    const guess = query.total === 'estimate' ? this.table.estimate?.(where) : undefined;
    // Awaited below; until then a failure must not count as unhandled.
    guess?.catch(() => undefined);
    const { rows, total } = await this.table.list({
      ...plain,
      where,
      sort: this.mapping.sort(this.side, query.sort),
      ...(after ? { stretches: this.stretches(query.sort, after) } : {}),
      total: guess ? false : query.total,
    });
    const records = rows.map((row) => this.mapping.toRecord(this.side, row));
    if (!guess) return { records, total };
    const { count, exact } = await guess;
    return { records, total: count, totalIsEstimate: !exact };
  }

  private stretches(sort: readonly SortBy[], { values, within }: PageStart): Condition[] {
    const mayBeNull = (field: string) => !this.mapping.isKeyField(field);
    return stretchesAfter(sort, values, mayBeNull).map((stretch) =>
      this.mapping.condition(this.side, within ? { and: [stretch, within] } : stretch),
    );
  }

  async scan(after: Key | null, limit: number): Promise<PublicRecord[]> {
    const rows = await this.table.scan(this.position(after), limit);
    return rows.map((row) => this.mapping.readRecord(this.side, row));
  }

  /** Keys only, as `scan`. */
  async scanKeys(after: Key | null, limit: number): Promise<Key[]> {
    const own = await this.table.scanKeys(this.position(after), limit);
    return own.map((key) => this.mapping.ids.fromSide(this.side, key));
  }

  /** Exact number of records. */
  async count(where?: Condition, collation?: string): Promise<number> {
    return await this.table.count(where && this.mapping.condition(this.side, where), collation);
  }

  /** About how many records there are. */
  async estimate(where: Condition | null): Promise<Estimate> {
    const own = where && this.mapping.condition(this.side, where);
    return (await this.table.estimate?.(own)) ?? { count: await this.count(where ?? undefined), exact: true };
  }

  /** Keys of the records that hold for a condition (D2). */
  async keysWhere(where: Condition, limit: number): Promise<Key[]> {
    const own = await this.table.keysWhere(this.mapping.condition(this.side, where), limit);
    return own.map((key) => this.mapping.ids.fromSide(this.side, key));
  }

  async insert(record: PublicRecord): Promise<PublicRecord> {
    const [keyed] = (await this.keyed([this.completeNew(record)])) as [PublicRecord];
    return this.mapping.toRecord(this.side, await this.table.insert(this.mapping.toRow(this.side, keyed)));
  }

  /** Where the store has no defaults, a new record gets the model's, so that the other side takes it. */
  private completeNew(record: PublicRecord): PublicRecord {
    if (this.store.capabilities.defaults !== false) return record;
    const presets = this.mapping.fields.filter(
      ({ name, preset }) => preset !== undefined && record[name] === undefined,
    );
    if (presets.length === 0) return record;
    const now = new Date().toISOString();
    const values = presets.map(({ name, preset }) => [name, preset === 'now' ? now : preset?.value]);
    return { ...record, ...(Object.fromEntries(values) as PublicRecord) };
  }

  /** Creates records; what became of each, in their order. What certainly was not made is sent again while `inTime`. */
  async insertMany(
    records: readonly PublicRecord[],
    options: InsertManyOptions & { inTime: () => boolean },
  ): Promise<CreateOutcome[]> {
    const complete = records.map((record) => this.completeNew(record));
    const rows = (await this.keyed(complete)).map((record) => this.mapping.toRow(this.side, record));
    const outcomes = await insertManyAgain(this.store, this.table, rows, options);
    return outcomes.map((outcome) =>
      'error' in outcome ? outcome : { record: this.mapping.toRecord(this.side, outcome.row) },
    );
  }

  /** Changes some fields of a record. Null where there is none. */
  async update(
    key: Key,
    changes: PublicRecord,
    must: FieldValue | null = null,
  ): Promise<PublicRecord | null> {
    const own = this.mapping.ids.onSide(this.side, key);
    if (own === null || !(await this.mayHold(key, must))) return null;
    const row = await this.table.update(
      own,
      this.mapping.toRow(this.side, await this.completed(key, changes)),
      ...this.conditions(must),
    );
    return row && this.mapping.toRecord(this.side, row);
  }

  /** Deletes a record. Answers whether there was one. */
  async remove(key: Key, must: FieldValue | null = null): Promise<boolean> {
    const own = this.mapping.ids.onSide(this.side, key);
    if (own === null || !(await this.mayHold(key, must))) return false;
    return await this.table.remove(own, ...this.conditions(must));
  }

  /** What the store checks in the same operation, so that nothing can come between. */
  private conditions(must: FieldValue | null): [] | [Condition] {
    if (!must || !this.store.capabilities.conditionalWrites) return [];
    return [this.mapping.condition(this.side, { ...must, op: 'eq' })];
  }

  /** Where the store cannot check, a look before: only a record that was deleted and made anew between could deceive it. */
  private async mayHold(key: Key, must: FieldValue | null): Promise<boolean> {
    if (!must || this.store.capabilities.conditionalWrites) return true;
    const present = (await this.get([key])).get(key);
    return present !== undefined && sameValue(present[must.field], must.value);
  }

  async upsertMany(records: readonly PublicRecord[]): Promise<void> {
    for (const record of records) this.refuseMisfits(record);
    if (records.length > 0)
      await this.table.upsertMany(records.map((record) => this.mapping.toRow(this.side, record)));
  }

  async removeMany(keys: readonly Key[]): Promise<void> {
    const own = this.ownKeys(keys);
    if (own.length > 0) await this.table.removeMany(own);
  }

  /** Gives ids to records that have none, where the new side itself cannot draw them. */
  private async keyed(records: readonly PublicRecord[]): Promise<readonly PublicRecord[]> {
    const { keyField, drawnForNew, ids } = this.mapping;
    const { database } = this.store;
    if (this.side === 'legacy' || !drawnForNew || !database) return records;
    const missing = records.filter((record) => record[keyField] === undefined).length;
    if (missing === 0) return records;
    const drawn = await drawIds(database, this.table.spec.name, missing);
    return records.map((record) =>
      record[keyField] === undefined
        ? { ...ids.publicValues(ids.fromSide('legacy', drawn.shift() as string)), ...record }
        : record,
    );
  }

  /** What a store without a schema holds against its mapping is told, not copied as something else. */
  private refuseMisfits(record: PublicRecord): void {
    refuseBroken(record);
    const [first, ...more] = misfitsOf(record);
    if (first === undefined) return;
    throw new BanyanError('validation-failed', [first, ...more].map(misfitText).join('; '), {
      details: { field: first.column },
    });
  }

  /** Keys in the side's own form; one that has none there is the key of no record there. */
  private ownKeys(keys: readonly Key[]): Key[] {
    return keys.map((key) => this.mapping.ids.onSide(this.side, key)).filter((own) => own !== null);
  }

  /** Where a scan goes on: after the record of this key. */
  private position(after: Key | null): Key | null {
    const own = after === null ? null : this.mapping.ids.onSide(this.side, after);
    if (after === null || own !== null) return own;
    throw new BanyanError(
      'id-untranslatable',
      `"${after}" has no form on the ${this.side} side, and so no place in its order`,
    );
  }

  /** With what the side holds together with the changed fields, as it is now: one column may be made of several fields. */
  private async completed(key: Key, changes: PublicRecord): Promise<PublicRecord> {
    const missing = this.mapping.heldTogether(this.side, changes);
    if (missing.length === 0) return changes;
    const present = (await this.get([key])).get(key) ?? {};
    return { ...Object.fromEntries(missing.map((name) => [name, present[name] ?? null])), ...changes };
  }
}

/** Fields that hold the key of another resource's record, in the order of its parts; one unless that key is composite. */
export interface Reference {
  fields: readonly string[];
  resource: ResourceName;
}

/** A resource with its two sides bound to real stores: what everything that moves records works on. */
export interface BoundResource {
  readonly name: ResourceName;
  readonly settings: ResourceSettings;
  readonly mapping: Mapping;
  readonly legacy: RecordSide;
  readonly new: RecordSide;
  /** The control database, which is the new side's Postgres: journal and records share transactions. */
  readonly database: Database;
  readonly references: readonly Reference[];
  /** It is seen from inside an open transaction of the new side, each of whose statements has a snapshot of its own. */
  readonly isWithin?: true;
}

/** A resource as an open transaction of the new side sees it, with what that has written itself. For reading. */
export function resourceWithin(resource: BoundResource, sql: Sql): BoundResource {
  const database: Database = {
    query: async (text, parameters) => await sql.query(text, parameters),
    transaction: async (work) => await work(sql),
  };
  return { ...resource, new: resource.new.within(sql), database, isWithin: true };
}

export function bindResource(
  settings: ResourceSettings,
  mapping: Mapping,
  stores: { legacy: Store; new: Store },
  timing: Record<Side, Timing>,
  database: Database,
  references: readonly Reference[],
): BoundResource {
  return {
    name: settings.name,
    settings,
    mapping,
    legacy: new RecordSide('legacy', mapping, stores.legacy, timing.legacy),
    new: new RecordSide('new', mapping, stores.new, timing.new),
    database,
    references,
  };
}

/** D1: whether the side's store draws the key of every new record itself. */
export function drawsKeys({ store }: RecordSide): boolean {
  return store.capabilities.assignsKeys === 'store-only';
}

/** Declared relations as references between resources; a model that no resource serves is left out. */
export function referencesBetween(
  specs: readonly ReferenceSpec[],
  resourceOfModel: ReadonlyMap<string, ResourceName>,
): Reference[] {
  return specs.flatMap(({ fields, model }) => {
    const resource = resourceOfModel.get(model);
    return resource ? [{ fields, resource }] : [];
  });
}

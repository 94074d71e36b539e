import type { ResourceSettings } from '../domain/configuration.ts';
import type { BanyanError } from '../domain/errors.ts';
import type { ReferenceSpec } from '../domain/model.ts';
import type { ListQuery } from '../domain/query.ts';
import { renameFields, type Condition } from '../domain/query.ts';
import type { Database, Sql } from '../domain/sql.ts';
import type { PublicRecord } from '../domain/values.ts';
import type { Key, ResourceName, Side } from '../domain/words.ts';
import type { Mapping } from '../mapping/mapping.ts';
import type { InsertManyOptions, Store, Table } from '../stores/contract.ts';
import { insertMany } from '../stores/insert-many.ts';

/** How long requests of one side's store take and when they can no longer land; milliseconds (A1). */
export interface Timing {
  timeout: number;
  deadline: number;
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
    const rows = await this.table.get(keys);
    return new Map([...rows].map(([key, row]) => [key, this.mapping.toRecord(this.side, row)]));
  }

  async list(query: ListQuery): Promise<{ records: PublicRecord[]; total: number | null }> {
    const { rows, total } = await this.table.list({
      ...query,
      where: query.where && this.condition(query.where),
      sort: query.sort.map((by) => ({ ...by, field: this.mapping.column(this.side, by.field) })),
    });
    return { records: rows.map((row) => this.mapping.toRecord(this.side, row)), total };
  }

  async scan(after: Key | null, limit: number): Promise<PublicRecord[]> {
    return (await this.table.scan(after, limit)).map((row) => this.mapping.toRecord(this.side, row));
  }

  async insert(record: PublicRecord): Promise<PublicRecord> {
    return this.mapping.toRecord(this.side, await this.table.insert(this.mapping.toRow(this.side, record)));
  }

  /** Creates records; what became of each, in their order. */
  async insertMany(records: readonly PublicRecord[], options: InsertManyOptions): Promise<CreateOutcome[]> {
    const rows = records.map((record) => this.mapping.toRow(this.side, record));
    const outcomes = await insertMany(this.table, rows, options);
    return outcomes.map((outcome) =>
      'error' in outcome ? outcome : { record: this.mapping.toRecord(this.side, outcome.row) },
    );
  }

  async update(key: Key, changes: PublicRecord): Promise<PublicRecord | null> {
    const row = await this.table.update(key, this.mapping.toRow(this.side, changes));
    return row && this.mapping.toRecord(this.side, row);
  }

  async upsertMany(records: readonly PublicRecord[]): Promise<void> {
    if (records.length > 0)
      await this.table.upsertMany(records.map((record) => this.mapping.toRow(this.side, record)));
  }

  async removeMany(keys: readonly Key[]): Promise<void> {
    if (keys.length > 0) await this.table.removeMany(keys);
  }

  private condition(where: Condition): Condition {
    return renameFields(where, (field) => this.mapping.column(this.side, field));
  }
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
  /** Fields that hold keys of other resources. */
  readonly references: readonly { field: string; resource: ResourceName }[];
}

export function bindResource(
  settings: ResourceSettings,
  mapping: Mapping,
  stores: { legacy: Store; new: Store },
  timing: Record<Side, Timing>,
  database: Database,
  references: readonly { field: string; resource: ResourceName }[],
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

/** Declared relations as references between resources; a model that no resource serves is left out. */
export function referencesBetween(
  specs: readonly ReferenceSpec[],
  resourceOfModel: ReadonlyMap<string, ResourceName>,
): { field: string; resource: ResourceName }[] {
  return specs.flatMap(({ field, model }) => {
    const resource = resourceOfModel.get(model);
    return resource ? [{ field, resource }] : [];
  });
}

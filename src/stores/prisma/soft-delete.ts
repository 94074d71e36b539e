import { BanyanError, isBanyanError } from '../../domain/errors.ts';
import { keyOf } from '../../domain/keys.ts';
import type { Condition, Estimate, ListQuery } from '../../domain/query.ts';
import type { Database, Sql } from '../../domain/sql.ts';
import type { StatisticsGroup, StatisticsQuery } from '../../domain/statistics.ts';
import type { Row } from '../../domain/values.ts';
import type { Key } from '../../domain/words.ts';
import type { ActualTable, InsertManyOptions, InsertOutcome, Table, TableSpec } from '../contract.ts';

/** A table that can put a new row in the place of an absent one, in one statement. */
interface Reviving extends Table {
  insertOver?(row: Row, absent: string): Promise<Row | null>;
}

/**
 * A table whose rows are never deleted: a delete writes the moment into a column, and what has one there is absent to
 * everybody above. A row that is to exist again is freed of it. Unique values of absent rows stay taken; partial indexes
 * (`WHERE deleted_at IS NULL`) are the schema's to make.
 */
export class SoftDeleteTable implements Table {
  readonly spec: TableSpec;
  readonly #table: Reviving;
  readonly #column: string;
  readonly #present: Condition;
  readonly #sql: Sql;

  /** `inner`: opens the table with the column among its columns; `sql`: what it is in. */
  constructor(spec: TableSpec, column: string, inner: (spec: TableSpec) => Table, sql: Sql, table?: Table) {
    const deleted = { name: column, type: 'timestamp', list: false, nullable: true } as const;
    this.spec = spec;
    this.#column = column;
    this.#sql = sql;
    this.#table = table ?? inner({ ...spec, columns: [...spec.columns, deleted] });
    this.#present = { field: column, op: 'null', value: true };
  }

  within(sql: Sql): SoftDeleteTable {
    const table = this.#table.within(sql);
    return new SoftDeleteTable(this.spec, this.#column, () => table, sql, table);
  }

  describe(): Promise<ActualTable | null> {
    return this.#table.describe();
  }

  async get(keys: readonly Key[]): Promise<Map<Key, Row>> {
    const found = [...(await this.#table.get(keys))].filter(([, row]) => this.#isPresent(row));
    return new Map(found.map(([key, row]) => [key, this.#shown(row)]));
  }

  async list(query: ListQuery): Promise<{ rows: Row[]; total: number | null }> {
    const { rows, total } = await this.#table.list({ ...query, where: this.#and(query.where) });
    return { rows: rows.map((row) => this.#shown(row)), total };
  }

  async scan(after: Key | null, limit: number): Promise<Row[]> {
    return (await this.#page(after, limit)).map((row) => this.#shown(row));
  }

  async scanKeys(after: Key | null, limit: number): Promise<Key[]> {
    return (await this.#page(after, limit)).map((row) => keyOf(this.spec.keys, row));
  }

  /** A page of which every row is absent is not the end. */
  async #page(after: Key | null, limit: number): Promise<Row[]> {
    for (let from = after; ;) {
      const rows = await this.#table.scan(from, limit);
      const last = rows.at(-1);
      const present = rows.filter((row) => this.#isPresent(row));
      if (present.length > 0 || last === undefined) return present;
      from = keyOf(this.spec.keys, last);
    }
  }

  count(where?: Condition, collation?: string): Promise<number> {
    return this.#table.count(this.#and(where), collation);
  }

  async estimate(where: Condition | null): Promise<Estimate> {
    const present = this.#and(where);
    return (
      (await this.#table.estimate?.(present)) ?? { count: await this.#table.count(present), exact: true }
    );
  }

  async statistics(query: StatisticsQuery): Promise<StatisticsGroup[]> {
    return (await this.#table.statistics?.({ ...query, where: this.#and(query.where) })) ?? [];
  }

  keysWhere(where: Condition, limit: number): Promise<Key[]> {
    return this.#table.keysWhere(this.#and(where), limit);
  }

  /** A key whose row is absent is free, as it is on a side that deletes: the absent row becomes the new one. */
  async insert(row: Row): Promise<Row> {
    const { keys } = this.spec;
    const named = keys.every(({ name }) => (row[name] ?? null) !== null);
    if (!named || !this.#table.insertOver) return this.#shown(await this.#table.insert(row));
    const made = await this.#table.insertOver({ ...row, [this.#column]: null }, this.#column);
    if (made) return this.#shown(made);
    const field = keys.map(({ name }) => name).join(', ');
    throw new BanyanError('duplicate', `"${field}" already has a record with this value`, {
      details: { field },
    });
  }

  async insertMany(rows: readonly Row[], options: InsertManyOptions = {}): Promise<InsertOutcome[]> {
    if (options.atomic) return (await this.#insertAll(rows, options)).map((row) => ({ row }));
    const outcomes = (await this.#table.insertMany?.(rows, options)) ?? [];
    return await Promise.all(outcomes.map((one, at) => this.#again(one, rows[at] as Row, options)));
  }

  /** A duplicate may be one of an absent row. */
  async #again(
    outcome: InsertOutcome,
    row: Row,
    { beforeRequest }: InsertManyOptions,
  ): Promise<InsertOutcome> {
    if ('row' in outcome) return { row: this.#shown(outcome.row) };
    if (!isBanyanError(outcome.error, 'duplicate')) return outcome;
    beforeRequest?.();
    return await this.insert(row).then(
      (made) => ({ row: made }),
      () => outcome,
    );
  }

  /** In one statement where no key is an absent row's, else one by one in one transaction. */
  async #insertAll(rows: readonly Row[], options: InsertManyOptions): Promise<Row[]> {
    const sql = this.#sql;
    if (!isDatabase(sql)) return await this.#insertEach(rows, options);
    try {
      const outcomes = (await this.#table.insertMany?.(rows, options)) ?? [];
      return outcomes.flatMap((outcome) => ('row' in outcome ? [this.#shown(outcome.row)] : []));
    } catch (error) {
      if (!isBanyanError(error, 'duplicate')) throw error;
      return await sql.transaction(async (open) => await this.within(open).#insertEach(rows, options));
    }
  }

  /** In a transaction a statement that is refused would be the end of it. */
  async #insertEach(rows: readonly Row[], { beforeRequest }: InsertManyOptions): Promise<Row[]> {
    const made: Row[] = [];
    for (const row of rows) {
      beforeRequest?.();
      made.push(await this.insert(row));
    }
    return made;
  }

  async update(key: Key, changes: Row, where?: Condition): Promise<Row | null> {
    const row = await this.#table.update(key, changes, this.#and(where));
    return row && this.#shown(row);
  }

  async remove(key: Key, where?: Condition): Promise<boolean> {
    const deleted = { [this.#column]: new Date().toISOString() };
    return (await this.#table.update(key, deleted, this.#and(where))) !== null;
  }

  upsertMany(rows: readonly Row[]): Promise<void> {
    return this.#table.upsertMany(rows.map((row) => ({ ...row, [this.#column]: null })));
  }

  async removeMany(keys: readonly Key[]): Promise<void> {
    for (const key of keys) await this.remove(key);
  }

  advanceSequence(past?: Key): Promise<void> {
    return this.#table.advanceSequence(past);
  }

  /** Keys of absent rows are taken too. */
  highestKey(): Promise<Key | null> {
    return this.#table.highestKey();
  }

  #and(where: Condition | null | undefined): Condition {
    return where ? { and: [where, this.#present] } : this.#present;
  }

  #isPresent(row: Row): boolean {
    return (row[this.#column] ?? null) === null;
  }

  #shown({ [this.#column]: _deleted, ...row }: Row): Row {
    return row;
  }
}

function isDatabase(sql: Sql): sql is Database {
  return 'transaction' in sql;
}

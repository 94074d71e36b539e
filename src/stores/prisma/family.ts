import type { ChildTable, ColumnSpec, ValueType } from '../../domain/model.ts';
import type { Condition, Estimate, ListQuery } from '../../domain/query.ts';
import type { Database, Sql } from '../../domain/sql.ts';
import type { StatisticsGroup, StatisticsQuery } from '../../domain/statistics.ts';
import {
  canonicalTimestamp,
  exactNumber,
  parseJson,
  type PublicRecord,
  type Row,
  type Value,
} from '../../domain/values.ts';
import type { Key } from '../../domain/words.ts';
import { arrayLiteral } from '../../postgres/arrays.ts';
import type { ActualTable, InsertManyOptions, InsertOutcome, Table, TableSpec } from '../contract.ts';
import { insertByHalves } from '../insert-many.ts';
import { insertParameters, insertText } from './bulk.ts';
import { writableColumns } from './catalog.ts';
import { quote, quoteTable } from './conditions.ts';
import { PrismaTable } from './table.ts';
import { toKey } from './values.ts';

/**
 * A table whose rows carry the rows of child tables. They are read with their parent in one statement, and written with
 * it in one transaction: whatever was there of them makes room for what is given.
 */
export class FamilyTable implements Table {
  readonly #children: readonly ChildTable[];
  readonly #parents: PrismaTable;
  readonly #sql: Sql;

  constructor(spec: TableSpec, sql: Sql, parents: PrismaTable = new PrismaTable(spec, sql)) {
    this.#children = spec.children ?? [];
    this.#parents = parents;
    this.#sql = sql;
  }

  get spec(): TableSpec {
    return this.#parents.spec;
  }

  within(sql: Sql): Table {
    return new FamilyTable(this.spec, sql, this.#parents.within(sql) as PrismaTable);
  }

  async describe(): Promise<ActualTable | null> {
    return await this.#parents.describe();
  }

  async get(keys: readonly Key[]): Promise<Map<Key, Row>> {
    const rows = await this.#parents.get(keys);
    return new Map([...rows].map(([key, row]) => [key, this.#read(row)]));
  }

  async list(query: ListQuery): Promise<{ rows: Row[]; total: number | null }> {
    const { rows, total } = await this.#parents.list(query);
    return { rows: rows.map((row) => this.#read(row)), total };
  }

  async scan(after: Key | null, limit: number): Promise<Row[]> {
    return (await this.#parents.scan(after, limit)).map((row) => this.#read(row));
  }

  async scanKeys(after: Key | null, limit: number): Promise<Key[]> {
    return await this.#parents.scanKeys(after, limit);
  }

  async count(where?: Condition, collation?: string): Promise<number> {
    return await this.#parents.count(where, collation);
  }

  async statistics(query: StatisticsQuery): Promise<StatisticsGroup[]> {
    return await this.#parents.statistics(query);
  }

  async estimate(where: Condition | null): Promise<Estimate> {
    return await this.#parents.estimate(where);
  }

  async keysWhere(where: Condition, limit: number): Promise<Key[]> {
    return await this.#parents.keysWhere(where, limit);
  }

  async insert(row: Row): Promise<Row> {
    return await this.#together(async (sql) => {
      const made = await this.#parents.within(sql).insert(this.#alone(row));
      const key = toKey(this.spec.keys, made);
      await this.#writeChildren(sql, [{ key, row }]);
      return await this.#present(sql, key);
    });
  }

  /** As in `PrismaTable`. Children that an absent row had are not the new row's. */
  async insertOver(row: Row, absent: string): Promise<Row | null> {
    return await this.#together(async (sql) => {
      const parents = this.#parents.within(sql) as PrismaTable;
      const made = await parents.insertOver(this.#alone(row), absent);
      if (!made) return null;
      const key = toKey(this.spec.keys, made);
      const own = this.#children.map(({ name }) => [name, row[name] ?? []] as const);
      await this.#writeChildren(sql, [{ key, row: Object.fromEntries(own) }]);
      return await this.#present(sql, key);
    });
  }

  async insertMany(rows: readonly Row[], options: InsertManyOptions = {}): Promise<InsertOutcome[]> {
    return await insertByHalves(rows, options, async (part) =>
      this.#together(async (sql) => {
        const family = this.within(sql);
        const made: Row[] = [];
        for (const row of part) made.push(await family.insert(row));
        return made;
      }),
    );
  }

  async update(key: Key, changes: Row, where?: Condition): Promise<Row | null> {
    return await this.#together(async (sql) => {
      const changed = await this.#parents.within(sql).update(key, this.#alone(changes), where);
      if (!changed) return null;
      const after = toKey(this.spec.keys, changed);
      await this.#writeChildren(sql, [{ key: after, row: changes }]);
      return await this.#present(sql, after);
    });
  }

  async remove(key: Key, where?: Condition): Promise<boolean> {
    return await this.#together(async (sql) => {
      const parents = this.#parents.within(sql);
      // The children first: whether they go with their parent is the database's to say.
      if (where && (await parents.update(key, {}, where)) === null) return false;
      await this.#clearChildren(sql, [key]);
      return await parents.remove(key, where);
    });
  }

  async upsertMany(rows: readonly Row[]): Promise<void> {
    if (rows.length === 0) return;
    await this.#together(async (sql) => {
      await this.#parents.within(sql).upsertMany(rows.map((row) => this.#alone(row)));
      const last = new Map(rows.map((row) => [toKey(this.spec.keys, row), row]));
      await this.#writeChildren(
        sql,
        [...last].map(([key, row]) => ({ key, row })),
      );
    });
  }

  async removeMany(keys: readonly Key[]): Promise<void> {
    if (keys.length === 0) return;
    await this.#together(async (sql) => {
      await this.#clearChildren(sql, keys);
      await this.#parents.within(sql).removeMany(keys);
    });
  }

  async advanceSequence(past?: Key): Promise<void> {
    await this.#parents.advanceSequence(past);
  }

  async highestKey(): Promise<Key | null> {
    return await this.#parents.highestKey();
  }

  async #together<T>(work: (sql: Sql) => Promise<T>): Promise<T> {
    return isDatabase(this.#sql) ? await this.#sql.transaction(work) : await work(this.#sql);
  }

  async #present(sql: Sql, key: Key): Promise<Row> {
    return this.#read((await this.#parents.within(sql).get([key])).get(key) as Row);
  }

  /** The row without its children. */
  #alone(row: Row): Row {
    const names = new Set(this.#children.map(({ name }) => name));
    return Object.fromEntries(Object.entries(row).filter(([name]) => !names.has(name)));
  }

  #read(row: Row): Row {
    const read: Row = { ...row };
    for (const { name, columns } of this.#children) {
      const lists = (row[name] ?? []) as (string | null)[][];
      read[name] = lists.map((texts) =>
        Object.fromEntries(
          columns.map((column, index) => [column.name, valueOf(column, texts[index] ?? null)]),
        ),
      );
    }
    return read;
  }

  async #clearChildren(sql: Sql, keys: readonly Key[]): Promise<void> {
    for (const child of this.#children) await clear(sql, child, keys);
  }

  /** Children that a row does not mention stay as they are. */
  async #writeChildren(sql: Sql, parents: readonly { key: Key; row: Row }[]): Promise<void> {
    for (const child of this.#children) {
      const given = parents.filter(({ row }) => row[child.name] !== undefined);
      if (given.length === 0) continue;
      await clear(
        sql,
        child,
        given.map(({ key }) => key),
      );
      const rows = given.flatMap(({ key, row }) =>
        ((row[child.name] ?? []) as PublicRecord[]).map((one, place) => ({
          ...one,
          [child.parent]: key,
          [child.order]: place,
        })),
      );
      if (rows.length > 0) await insertChildren(sql, this.spec, child, rows);
    }
  }
}

function isDatabase(sql: Sql): sql is Database {
  return 'transaction' in sql;
}

async function clear(sql: Sql, { table, parent }: ChildTable, keys: readonly Key[]): Promise<void> {
  const text = `DELETE FROM ${quoteTable(table)} WHERE ${quote(parent)} = ANY($1)`;
  await sql.query(text, [arrayLiteral(keys)]);
}

async function insertChildren(
  sql: Sql,
  spec: TableSpec,
  child: ChildTable,
  rows: readonly Row[],
): Promise<void> {
  const parent: ColumnSpec = { name: child.parent, type: spec.keyType, list: false, nullable: false };
  const order: ColumnSpec = { name: child.order, type: 'int', list: false, nullable: false };
  const columns = [parent, order, ...child.columns];
  const known = { name: child.table, keys: [], columns };
  const writable = await writableColumns(sql, known);
  const specs = new Map(columns.map((column) => [column.name, column]));
  await sql.query(insertText(known, writable, '1'), insertParameters(writable, specs, rows));
}

/** The canonical value of a column's text, as Postgres casts it. */
function valueOf({ type }: ColumnSpec, text: string | null): Value {
  return text === null ? null : (READERS[type]?.(text) ?? text);
}

const number = (text: string): Value => (/[a-z]/i.test(text.replace(/e/i, '')) ? text : exactNumber(text));

const READERS: Readonly<Partial<Record<ValueType, (text: string) => Value>>> = {
  int: number,
  bigint: number,
  decimal: number,
  float: number,
  boolean: (text) => text === 'true',
  timestamp: (text) => canonicalTimestamp(text) ?? text,
  json: parseJson,
  bytes: (text) => Buffer.from(text.slice(2), 'hex').toString('base64'),
};

import { isBanyanError } from '../../domain/errors.ts';
import { splitKey } from '../../domain/keys.ts';
import type { ColumnSpec, KeyType } from '../../domain/model.ts';
import type { Condition, Estimate, ListQuery } from '../../domain/query.ts';
import type { Sql } from '../../domain/sql.ts';
import type { StatisticsGroup, StatisticsQuery } from '../../domain/statistics.ts';
import type { Row } from '../../domain/values.ts';
import type { Key } from '../../domain/words.ts';
import { arrayLiteral } from '../../postgres/arrays.ts';
import { estimateRows } from '../../postgres/estimate.ts';
import type { ActualTable, InsertManyOptions, InsertOutcome, Table, TableSpec } from '../contract.ts';
import { upsertParameters, upsertText } from './bulk.ts';
import { childrenOf } from './children.ts';
import { insertRows } from '../postgres-inserts.ts';
import { advanceSequenceText, describeTable, writableColumns, type WritableColumn } from './catalog.ts';
import { quote, quoteTable, StatementParts } from './conditions.ts';
import { readStatistics } from './statistics.ts';
import { toKey, toPart } from './values.ts';

/** Name of the column that carries a list's total beside its rows. */
const TOTAL = 'banyan total';

/** Types in which arrays of a composite key's parts travel; any comparison with the columns uses their index. */
const KEY_CASTS: Readonly<Record<KeyType, string>> = {
  uuid: 'uuid',
  int: 'bigint',
  objectid: 'text',
  text: 'text',
};

/** What a table's statements are made of; shared by all of its `within` copies. */
interface Shape {
  spec: TableSpec;
  columns: ReadonlyMap<string, ColumnSpec>;
  table: string;
  /** The key columns, quoted, as a list. */
  key: string;
  /** The key's parts as expressions whose order is that of `compareKeys`. */
  orderedParts: readonly string[];
  /** One `"name" = ` for each key column. */
  equals: readonly string[];
  /** All columns, for SELECT and RETURNING. */
  list: string;
  /** Read from the catalog at the first bulk write. */
  writable: { columns: WritableColumn[]; upsert: string } | null;
}

/**
 * A table of Postgres, in statements made from the Prisma model. The texts depend on columns and conditions only, so
 * that the same request is the same prepared statement. An error leaves everything as it was unless its outcome says
 * `unknown`.
 */
export class PrismaTable implements Table {
  readonly #shape: Shape;
  readonly #sql: Sql;

  constructor(spec: TableSpec, sql: Sql, shape: Shape = shapeOf(spec)) {
    this.#shape = shape;
    this.#sql = sql;
  }

  get spec(): TableSpec {
    return this.#shape.spec;
  }

  within(sql: Sql): Table {
    return new PrismaTable(this.spec, sql, this.#shape);
  }

  describe(): Promise<ActualTable | null> {
    return describeTable(this.#sql, this.spec);
  }

  async get(keys: readonly Key[]): Promise<Map<Key, Row>> {
    const { list, table } = this.#shape;
    if (keys.length === 0) return new Map();
    const parts = this.#parts();
    const text = `SELECT ${list} FROM ${table} WHERE ${this.#isOneOf(parts, keys)}`;
    const { rows } = await this.#sql.query<Row>(text, parts.parameters);
    return new Map(rows.map((row) => [toKey(this.spec.keys, row), row]));
  }

  async list(query: ListQuery): Promise<{ rows: Row[]; total: number | null }> {
    const { list, table } = this.#shape;
    const parts = this.#parts(query);
    const where = parts.where(query.where);
    // The total as a scalar subquery: one round trip and one snapshot, while the page itself may still use an index.
    const total = query.total ? `, (SELECT count(*) FROM ${table}${where}) AS ${quote(TOTAL)}` : '';
    const page = `${parts.orderBy(query.sort)} LIMIT ${parts.place(String(query.limit))} OFFSET ${parts.place(String(query.offset))}`;
    const { rows } = await this.#sql.query<Row>(
      `SELECT ${list}${total} FROM ${table}${where}${page}`,
      parts.parameters,
    );
    if (!query.total) return { rows, total: null };
    const [first] = rows;
    // An empty page carries no total: there are no rows at all, or the page lies beyond the last one.
    if (!first)
      return {
        rows,
        total:
          query.offset === 0 && query.limit > 0
            ? 0
            : await this.count(query.where ?? undefined, query.collation),
      };
    return { rows: rows.map(withoutTotal), total: first[TOTAL] as number };
  }

  async scan(after: Key | null, limit: number): Promise<Row[]> {
    return this.#scan(this.#shape.list, after, limit);
  }

  async scanKeys(after: Key | null, limit: number): Promise<Key[]> {
    return (await this.#scan(this.#shape.key, after, limit)).map((row) => toKey(this.spec.keys, row));
  }

  async count(where?: Condition, collation?: string): Promise<number> {
    const parts = this.#parts(collation === undefined ? {} : { collation });
    const text = `SELECT count(*) AS total FROM ${this.#shape.table}${parts.where(where)}`;
    const { rows } = await this.#sql.query<{ total: number }>(text, parts.parameters);
    return rows[0]?.total ?? 0;
  }

  async estimate(where: Condition | null): Promise<Estimate> {
    const parts = this.#parts();
    const select = `SELECT 1 FROM ${this.#shape.table}${parts.where(where)}`;
    return await estimateRows(this.#sql, select, parts.parameters);
  }

  async statistics(query: StatisticsQuery): Promise<StatisticsGroup[]> {
    return await readStatistics(this.#sql, this.#shape.table, this.#parts(), query);
  }

  async keysWhere(where: Condition, limit: number): Promise<Key[]> {
    const { key, table, orderedParts } = this.#shape;
    const parts = this.#parts();
    const condition = parts.where(where);
    const text = `SELECT ${key} FROM ${table}${condition} ORDER BY ${orderedParts.join(', ')} LIMIT ${parts.place(String(limit))}`;
    const { rows } = await this.#sql.query<Row>(text, parts.parameters);
    return rows.map((row) => toKey(this.spec.keys, row));
  }

  async insert(row: Row): Promise<Row> {
    return (await this.#insert(row, '')) as Row;
  }

  /**
   * As `insert`, also where a row of this key has a value in `absent`: that one becomes the new row, with the defaults of
   * what is not given. Null where a row of this key is there.
   */
  async insertOver(row: Row, absent: string): Promise<Row | null> {
    const keys = new Set(this.spec.keys.map(({ name }) => name));
    const { columns } = await this.#writable();
    const others = columns.map(({ name }) => name).filter((name) => !keys.has(name));
    const changes = others.map((name) => `${quote(name)} = EXCLUDED.${quote(name)}`).join(', ');
    const free = `${this.#shape.table}.${quote(absent)} IS NOT NULL`;
    return await this.#insert(
      row,
      ` ON CONFLICT (${this.#shape.key}) DO UPDATE SET ${changes} WHERE ${free}`,
    );
  }

  async #insert(row: Row, conflict: string): Promise<Row | null> {
    const { table, list } = this.#shape;
    const parts = this.#parts();
    const given = Object.keys(row).filter((name) => row[name] !== undefined);
    const columns = given.map((name) => parts.assignment(name, row[name]));
    const names = columns.map(({ name }) => name).join(', ');
    const places = columns.map(({ place }) => place).join(', ');
    const values = names ? `(${names}) OVERRIDING SYSTEM VALUE VALUES (${places})` : 'DEFAULT VALUES';
    const { rows } = await this.#sql.query<Row>(
      `INSERT INTO ${table} ${values}${conflict} RETURNING ${list}`,
      parts.parameters,
    );
    return rows[0] ?? null;
  }

  async insertMany(rows: readonly Row[], options: InsertManyOptions = {}): Promise<InsertOutcome[]> {
    const { columns: writable } = await this.#writable();
    const { spec, columns, list } = this.#shape;
    return await insertRows({ sql: this.#sql, spec, writable, columns, list }, rows, options);
  }

  async update(key: Key, changes: Row, where?: Condition): Promise<Row | null> {
    const { table, list } = this.#shape;
    const given = Object.keys(changes).filter(
      (name) => changes[name] !== undefined && !this.#isOwnKey(name, changes, key),
    );
    if (given.length === 0) return await this.#one(key, where);
    const parts = this.#parts();
    const columns = given.map((name) => parts.assignment(name, changes[name]));
    const sets = columns.map(({ name, place }) => `${name} = ${place}`);
    const text = `UPDATE ${table} SET ${sets.join(', ')} WHERE ${this.#isOneOf(parts, [key])}${parts.and(where)} RETURNING ${list}`;
    const { rows } = await this.#sql.query<Row>(text, parts.parameters);
    return rows[0] ?? null;
  }

  async remove(key: Key, where?: Condition): Promise<boolean> {
    const parts = this.#parts();
    const text = `DELETE FROM ${this.#shape.table} WHERE ${this.#isOneOf(parts, [key])}${parts.and(where)}`;
    return (await this.#sql.query(text, parts.parameters)).rowCount > 0;
  }

  async upsertMany(rows: readonly Row[]): Promise<void> {
    if (rows.length === 0) return;
    const { columns, upsert } = await this.#writable();
    try {
      await this.#sql.query(upsert, upsertParameters(this.spec, columns, this.#shape.columns, rows));
    } catch (error) {
      // The table may have changed under us: its columns are read again next time.
      if (isBanyanError(error, 'store-answer', 'constraint-violated')) this.#shape.writable = null;
      throw error;
    }
  }

  async removeMany(keys: readonly Key[]): Promise<void> {
    if (keys.length === 0) return;
    const parts = this.#parts();
    const text = `DELETE FROM ${this.#shape.table} WHERE ${this.#isOneOf(parts, keys)}`;
    await this.#sql.query(text, parts.parameters);
  }

  /** A row that a change of nothing leaves as it is. */
  async #one(key: Key, where: Condition | undefined): Promise<Row | null> {
    const { list, table } = this.#shape;
    const parts = this.#parts();
    const text = `SELECT ${list} FROM ${table} WHERE ${this.#isOneOf(parts, [key])}${parts.and(where)}`;
    return (await this.#sql.query<Row>(text, parts.parameters)).rows[0] ?? null;
  }

  async advanceSequence(past?: Key): Promise<void> {
    const { table } = this.#shape;
    for (const { name } of this.spec.keys.filter(({ type }) => type === 'int')) {
      await this.#sql.query(advanceSequenceText(table, quote(name)), [table, name, past ?? null]);
    }
  }

  async highestKey(): Promise<Key | null> {
    const { table, key, orderedParts } = this.#shape;
    const descending = orderedParts.map((part) => `${part} DESC`).join(', ');
    const { rows } = await this.#sql.query<Row>(`SELECT ${key} FROM ${table} ORDER BY ${descending} LIMIT 1`);
    return rows[0] ? toKey(this.spec.keys, rows[0]) : null;
  }

  async #scan(list: string, after: Key | null, limit: number): Promise<Row[]> {
    const { table, orderedParts } = this.#shape;
    const parts = this.#parts();
    const where = after === null ? '' : ` WHERE ${this.#isBeyond(parts, after)}`;
    const text = `SELECT ${list} FROM ${table}${where} ORDER BY ${orderedParts.join(', ')} LIMIT ${parts.place(String(limit))}`;
    return (await this.#sql.query<Row>(text, parts.parameters)).rows;
  }

  async #writable(): Promise<{ columns: WritableColumn[]; upsert: string }> {
    if (!this.#shape.writable) {
      const columns = await writableColumns(this.#sql, this.spec);
      this.#shape.writable = { columns, upsert: upsertText(this.spec, columns) };
    }
    return this.#shape.writable;
  }

  /** The key is not set to itself: an identity column GENERATED ALWAYS would refuse even that. */
  #isOwnKey(name: string, row: Row, key: Key): boolean {
    const index = this.spec.keys.findIndex((part) => part.name === name);
    return index >= 0 && toPart(row[name]) === splitKey(key, this.spec.keys.length)[index];
  }

  /** Condition for the rows of some keys, all of them in one parameter per key column. */
  #isOneOf(parts: StatementParts, keys: readonly Key[]): string {
    const { spec, key, equals } = this.#shape;
    const [only, second] = keys;
    if (only !== undefined && second === undefined) {
      const texts = splitKey(only, spec.keys.length);
      return equals.map((equal, index) => equal + parts.place(texts[index] as string)).join(' AND ');
    }
    if (spec.keys.length === 1) return `${key} = ANY(${parts.place(arrayLiteral(keys))})`;
    const split = keys.map((each) => splitKey(each, spec.keys.length));
    const arrays = spec.keys.map(
      ({ type }, index) =>
        `${parts.place(arrayLiteral(split.map((texts) => texts[index] as string)))}::${KEY_CASTS[type]}[]`,
    );
    return `(${key}) IN (SELECT * FROM unnest(${arrays.join(', ')}))`;
  }

  /** Condition for the rows beyond a key, part by part. */
  #isBeyond(parts: StatementParts, after: Key): string {
    const { spec, orderedParts } = this.#shape;
    const places = splitKey(after, spec.keys.length).map((text) => parts.place(text));
    return places.length === 1
      ? `${orderedParts[0]} > ${places[0]}`
      : `(${orderedParts.join(', ')}) > (${places.join(', ')})`;
  }

  #parts(order: { collation?: string } = {}): StatementParts {
    return new StatementParts(this.spec.name, this.#shape.columns, order);
  }
}

function shapeOf(spec: TableSpec): Shape {
  const names = spec.keys.map(({ name }) => quote(name));
  return {
    spec,
    columns: new Map(spec.columns.map((column) => [column.name, column])),
    table: quoteTable(spec.name),
    key: names.join(', '),
    orderedParts: spec.keys.map(({ type }, index) => names[index] + (type === 'text' ? ' COLLATE "C"' : '')),
    equals: names.map((name) => `${name} = `),
    list: [
      ...spec.columns.map(selected),
      ...(spec.children ?? []).map((child) => childrenOf(spec, child)),
    ].join(', '),
    writable: null,
  };
}

/** A list of an enum, or of an extension's type, has an OID of its own, which no reader knows: text[] it is. */
function selected(column: ColumnSpec): string {
  const name = quote(column.name);
  const cast = column.list && (column.type === 'enum' || column.type === 'text');
  return cast ? `${name}::text[] AS ${name}` : name;
}

function withoutTotal({ [TOTAL]: _total, ...row }: Row): Row {
  return row;
}

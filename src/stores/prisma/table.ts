import { isBanyanError } from '../../domain/errors.ts';
import type { ColumnSpec } from '../../domain/model.ts';
import type { Condition, ListQuery } from '../../domain/query.ts';
import type { Sql } from '../../domain/sql.ts';
import type { Row } from '../../domain/values.ts';
import type { Key } from '../../domain/words.ts';
import { arrayLiteral } from '../../postgres/arrays.ts';
import type { ActualTable, Table, TableSpec } from '../contract.ts';
import { upsertParameters, upsertText } from './bulk.ts';
import { advanceSequenceText, describeTable, writableColumns, type WritableColumn } from './catalog.ts';
import { quote, quoteTable, StatementParts } from './conditions.ts';
import { toKey } from './values.ts';

/** Name of the column that carries a list's total beside its rows. */
const TOTAL = 'banyan total';

/** What a table's statements are made of; shared by all of its `within` copies. */
interface Shape {
  spec: TableSpec;
  columns: ReadonlyMap<string, ColumnSpec>;
  table: string;
  key: string;
  /** The key as an expression whose order is that of `compareKeys`. */
  orderedKey: string;
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
    const { list, table, key } = this.#shape;
    const [only] = keys;
    if (only === undefined) return new Map();
    const one = keys.length === 1;
    const text = `SELECT ${list} FROM ${table} WHERE ${key} = ${one ? '$1' : 'ANY($1)'}`;
    const { rows } = await this.#sql.query<Row>(text, [one ? only : arrayLiteral(keys)]);
    return new Map(rows.map((row) => [toKey(row[this.spec.key]), row]));
  }

  async list(query: ListQuery): Promise<{ rows: Row[]; total: number | null }> {
    const { list, table } = this.#shape;
    const parts = this.#parts();
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
        total: query.offset === 0 && query.limit > 0 ? 0 : await this.count(query.where ?? undefined),
      };
    return { rows: rows.map(withoutTotal), total: first[TOTAL] as number };
  }

  async scan(after: Key | null, limit: number): Promise<Row[]> {
    return this.#scan(this.#shape.list, after, limit);
  }

  async scanKeys(after: Key | null, limit: number): Promise<Key[]> {
    return (await this.#scan(this.#shape.key, after, limit)).map((row) => toKey(row[this.spec.key]));
  }

  async count(where?: Condition): Promise<number> {
    const parts = this.#parts();
    const text = `SELECT count(*) AS total FROM ${this.#shape.table}${parts.where(where)}`;
    const { rows } = await this.#sql.query<{ total: number }>(text, parts.parameters);
    return rows[0]?.total ?? 0;
  }

  async keysWhere(where: Condition, limit: number): Promise<Key[]> {
    const { key, table, orderedKey } = this.#shape;
    const parts = this.#parts();
    const condition = parts.where(where);
    const text = `SELECT ${key} FROM ${table}${condition} ORDER BY ${orderedKey} LIMIT ${parts.place(String(limit))}`;
    const { rows } = await this.#sql.query<Row>(text, parts.parameters);
    return rows.map((row) => toKey(row[this.spec.key]));
  }

  async insert(row: Row): Promise<Row> {
    const { table, list } = this.#shape;
    const parts = this.#parts();
    const given = Object.keys(row).filter((name) => row[name] !== undefined);
    const columns = given.map((name) => parts.assignment(name, row[name]));
    const names = columns.map(({ name }) => name).join(', ');
    const places = columns.map(({ place }) => place).join(', ');
    const values = names ? `(${names}) OVERRIDING SYSTEM VALUE VALUES (${places})` : 'DEFAULT VALUES';
    const { rows } = await this.#sql.query<Row>(
      `INSERT INTO ${table} ${values} RETURNING ${list}`,
      parts.parameters,
    );
    return rows[0] as Row;
  }

  async update(key: Key, changes: Row): Promise<Row | null> {
    const { table, list, key: keyName } = this.#shape;
    const given = Object.keys(changes).filter(
      (name) => changes[name] !== undefined && !this.#isOwnKey(name, changes, key),
    );
    if (given.length === 0) return (await this.get([key])).get(key) ?? null;
    const parts = this.#parts();
    const columns = given.map((name) => parts.assignment(name, changes[name]));
    const sets = columns.map(({ name, place }) => `${name} = ${place}`);
    const text = `UPDATE ${table} SET ${sets.join(', ')} WHERE ${keyName} = ${parts.place(key)} RETURNING ${list}`;
    const { rows } = await this.#sql.query<Row>(text, parts.parameters);
    return rows[0] ?? null;
  }

  async remove(key: Key): Promise<boolean> {
    const text = `DELETE FROM ${this.#shape.table} WHERE ${this.#shape.key} = $1`;
    return (await this.#sql.query(text, [key])).rowCount > 0;
  }

  async upsertMany(rows: readonly Row[]): Promise<void> {
    if (rows.length === 0) return;
    const { columns, upsert } = await this.#writable();
    try {
      await this.#sql.query(upsert, upsertParameters(this.spec, columns, this.#shape.columns, rows));
    } catch (error) {
      // The table may have changed under us: its columns are read again next time.
      if (isBanyanError(error, 'store-answer')) this.#shape.writable = null;
      throw error;
    }
  }

  async removeMany(keys: readonly Key[]): Promise<void> {
    if (keys.length === 0) return;
    await this.#sql.query(`DELETE FROM ${this.#shape.table} WHERE ${this.#shape.key} = ANY($1)`, [
      arrayLiteral(keys),
    ]);
  }

  async advanceSequence(): Promise<void> {
    if (this.spec.keyType !== 'int') return;
    const { table, key } = this.#shape;
    await this.#sql.query(advanceSequenceText(table, key), [table, this.spec.key]);
  }

  async highestKey(): Promise<Key | null> {
    const { table, key, orderedKey } = this.#shape;
    const { rows } = await this.#sql.query<Row>(
      `SELECT ${key} FROM ${table} ORDER BY ${orderedKey} DESC LIMIT 1`,
    );
    return rows[0] ? toKey(rows[0][this.spec.key]) : null;
  }

  async #scan(list: string, after: Key | null, limit: number): Promise<Row[]> {
    const { table, orderedKey } = this.#shape;
    const parts = this.#parts();
    const where = after === null ? '' : ` WHERE ${orderedKey} > ${parts.place(after)}`;
    const text = `SELECT ${list} FROM ${table}${where} ORDER BY ${orderedKey} LIMIT ${parts.place(String(limit))}`;
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
    return name === this.spec.key && toKey(row[name]) === key;
  }

  #parts(): StatementParts {
    return new StatementParts(this.spec.name, this.#shape.columns);
  }
}

function shapeOf(spec: TableSpec): Shape {
  const key = quote(spec.key);
  return {
    spec,
    columns: new Map(spec.columns.map((column) => [column.name, column])),
    table: quoteTable(spec.name),
    key,
    orderedKey: spec.keyType === 'text' ? `${key} COLLATE "C"` : key,
    list: spec.columns.map(selected).join(', '),
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

import { sql, type RawBuilder, type SqlBool } from 'kysely';
import { splitKey } from '../../../domain/keys.ts';
import type { ColumnSpec, KeyType } from '../../../domain/model.ts';
import type { Sql } from '../../../domain/sql.ts';
import type { Row, Value } from '../../../domain/values.ts';
import type { Key } from '../../../domain/words.ts';
import { arrayLiteral } from '../../../postgres/arrays.ts';
import { upsertParameters, upsertText } from '../../../postgres/bulk.ts';
import { advanceSequenceText, type WritableColumn } from '../../../postgres/catalog.ts';
import { quote, quoteTable } from '../../../postgres/quoting.ts';
import { toKey, toText } from '../../../postgres/values.ts';
import type { InsertManyOptions, InsertOutcome, TableSpec } from '../../contract.ts';
import { insertRows } from '../../postgres-inserts.ts';
import { postgresBuilder } from '../builder.ts';
import { Dialect, OPERATORS, named, type Comparison } from '../dialect.ts';

/** Types in which arrays of a composite key's parts travel; any comparison with the columns uses their index. */
const KEY_CASTS: Readonly<Record<KeyType, string>> = {
  uuid: 'uuid[]',
  int: 'bigint[]',
  objectid: 'text[]',
  text: 'text[]',
};

const BUILDER = postgresBuilder();

/** Values travel as text without a type, so that Postgres takes each column's own; rows come canonical from the driver. */
export class PostgresDialect extends Dialect {
  readonly builder = BUILDER;
  /** Also where an identity column is always generated. */
  readonly overriding = sql` overriding system value`;
  readonly #sql: Sql;
  readonly #writable: readonly WritableColumn[];

  constructor(
    spec: TableSpec,
    found: { readOnly: boolean; writable: readonly WritableColumn[] },
    database: Sql,
  ) {
    super(spec, found.readOnly);
    this.#sql = database;
    this.#writable = found.writable;
  }

  stored(column: ColumnSpec, value: Value | undefined): string | null {
    return toText(column, value);
  }

  /** A list of an enum, or of an extension's type, has an OID of its own, which no reader knows: text[] it is. */
  selected(column: ColumnSpec): RawBuilder<unknown> {
    const cast = column.list && (column.type === 'enum' || column.type === 'text');
    return cast ? sql`${named(column.name)}::text[]` : named(column.name);
  }

  row(answered: Record<string, unknown>): Row {
    return Object.fromEntries(this.spec.columns.map(({ name }) => [name, answered[name] as Value]));
  }

  keyOf(answered: Record<string, unknown>): Key {
    return toKey(this.spec.keys, answered as Row);
  }

  sortable({ name, type, list }: ColumnSpec, bytewise: boolean): RawBuilder<unknown> {
    if (!bytewise || list || (type !== 'text' && type !== 'enum')) return named(name);
    return sql`${named(name)}::text collate "C"`;
  }

  compared(column: ColumnSpec, op: Comparison, value: Value, bytewise: boolean): RawBuilder<SqlBool> {
    const side = op === 'eq' || op === 'ne' ? named(column.name) : this.sortable(column, bytewise);
    return sql<SqlBool>`${side} ${OPERATORS[op]} ${toText(column, value)}`;
  }

  among(column: ColumnSpec, values: readonly Value[]): RawBuilder<SqlBool> {
    return sql<SqlBool>`${named(column.name)} = any(${arrayLiteral(values.map((value) => toText(column, value)))})`;
  }

  contains(column: ColumnSpec, value: Value): RawBuilder<SqlBool> {
    const name = named(column.name);
    if (column.list)
      return sql<SqlBool>`${name} @> ${toText(column, Array.isArray(value) ? value : [value])}`;
    if (column.type === 'json') return sql<SqlBool>`${name}::jsonb @> ${toText(column, value)}`;
    const pattern = `%${(toText(column, value) ?? '').replace(/[\\%_]/g, '\\$&')}%`;
    return sql<SqlBool>`${name}::text ilike ${pattern}`;
  }

  /** Text by its bytes, whatever collation or type without case the column was declared with. */
  grouped(column: ColumnSpec): RawBuilder<unknown> {
    const { name, type } = column;
    return type === 'text' ? sql`${named(name)}::text collate "C"` : this.selected(column);
  }

  /** The session is in UTC, so this holds for columns with and without a time zone. */
  day({ name }: ColumnSpec): RawBuilder<unknown> {
    return sql`to_char(${named(name)}, 'YYYY-MM-DD')`;
  }

  sum({ name }: ColumnSpec): RawBuilder<unknown> {
    return sql`sum(${named(name)})`;
  }

  end({ name }: ColumnSpec, end: 'min' | 'max'): RawBuilder<unknown> {
    return sql`${sql.raw(end)}(${named(name)})`;
  }

  value(_column: ColumnSpec, answered: unknown): Value {
    return answered as Value;
  }

  keyParts(): RawBuilder<unknown>[] {
    return this.spec.keys.map(({ name, type }) =>
      type === 'text' ? sql`${named(name)} collate "C"` : named(name),
    );
  }

  isOneOf(keys: readonly Key[]): RawBuilder<SqlBool> {
    const { keys: parts } = this.spec;
    const names = parts.map(({ name }) => named(name));
    const split = keys.map((key) => splitKey(key, parts.length));
    const texts = parts.map((_, index) => split.map((of) => of[index] as string));
    if (keys.length === 1) {
      const equal = names.map((name, index) => sql`${name} = ${texts[index]?.[0]}`);
      return sql<SqlBool>`(${sql.join(equal, sql` and `)})`;
    }
    if (parts.length === 1) return sql<SqlBool>`${names[0]} = any(${arrayLiteral(texts[0] ?? [])})`;
    const arrays = parts.map(
      ({ type }, index) => sql`${arrayLiteral(texts[index] ?? [])}::${sql.raw(KEY_CASTS[type])}`,
    );
    return sql<SqlBool>`(${sql.join(names)}) in (select * from unnest(${sql.join(arrays)}))`;
  }

  isBeyond(key: Key): RawBuilder<SqlBool> {
    const places = splitKey(key, this.spec.keys.length).map((text) => sql`${text}`);
    return sql<SqlBool>`(${sql.join(this.keyParts())}) > (${sql.join(places)})`;
  }

  override async insertMany(rows: readonly Row[], options: InsertManyOptions): Promise<InsertOutcome[]> {
    const { spec } = this;
    const columns = new Map(spec.columns.map((column) => [column.name, column]));
    const list = spec.columns.map((column) => sql`${this.selected(column)} as ${named(column.name)}`);
    const { sql: text } = sql`select ${sql.join(list)}`.compile(this.builder);
    const target = {
      sql: this.#sql,
      spec,
      writable: this.#writable,
      columns,
      list: text.slice('select '.length),
    };
    return await insertRows(target, rows, options);
  }

  /** An array for each column: nearly as fast as COPY, and repeatable. */
  async upsert(rows: readonly Row[]): Promise<void> {
    const columns = new Map(this.spec.columns.map((column) => [column.name, column]));
    await this.#sql.query(
      upsertText(this.spec, this.#writable),
      upsertParameters(this.spec, this.#writable, columns, rows),
    );
  }

  async advanceSequence(past: Key | null): Promise<void> {
    const table = quoteTable(this.spec.name);
    for (const { name, type } of this.spec.keys)
      if (type === 'int') await this.#sql.query(advanceSequenceText(table, quote(name)), [table, name, past]);
  }
}

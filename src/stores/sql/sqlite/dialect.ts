import { sql, type RawBuilder, type SqlBool } from 'kysely';
import { joinKey, splitKey } from '../../../domain/keys.ts';
import { noteMisfits, type Misfit } from '../../../domain/misfits.ts';
import type { ColumnSpec, KeyPart } from '../../../domain/model.ts';
import { isExactNumber, numberText, stringifyJson, type Row, type Value } from '../../../domain/values.ts';
import type { Key } from '../../../domain/words.ts';
import type { TableSpec } from '../../contract.ts';
import { sqliteBuilder } from '../builder.ts';
import { Dialect, NEVER, OPERATORS, named, type Comparison } from '../dialect.ts';
import type { RealTable } from './catalog.ts';
import { decimalOrder, momentOrder } from './functions.ts';
import type { MomentForms } from './moments.ts';
import type { Batch } from './messages.ts';
import {
  expectedType,
  foreignType,
  fromCell,
  numberCell,
  toCell,
  type Cell,
  type StoredColumn,
} from './values.ts';

const BUILDER = sqliteBuilder();
/** Types whose values may be kept in a form with another order than theirs. */
const ORDERED_APART: ReadonlySet<string> = new Set(['decimal', 'timestamp']);

/** Rows are written one by one, by one prepared statement, in one transaction. */
type Write = (batches: readonly Batch[]) => Promise<unknown>;

export class SqliteDialect extends Dialect {
  readonly builder = BUILDER;
  readonly overriding = sql``;
  readonly #columns: ReadonlyMap<string, StoredColumn>;
  readonly #real: RealTable;
  readonly #forms: MomentForms;
  readonly #write: Write;

  constructor(spec: TableSpec, real: RealTable, forms: MomentForms, write: Write) {
    super(spec, real.isView);
    const affinities = new Map(real.columns.map(({ name, affinity }) => [name, affinity]));
    this.#columns = new Map(
      spec.columns.map((column) => [
        column.name,
        { ...column, affinity: affinities.get(column.name) ?? 'BLOB' },
      ]),
    );
    this.#real = real;
    this.#forms = forms;
    this.#write = write;
  }

  stored(column: ColumnSpec, value: Value | undefined): Cell {
    return toCell(this.#stored(column), value, this.#forms, 'constraint-violated');
  }

  selected(column: ColumnSpec): RawBuilder<unknown> {
    return named(column.name);
  }

  row(answered: Record<string, unknown>): Row {
    const row: Row = {};
    const misfits: Misfit[] = [];
    for (const [name, column] of this.#columns) {
      const cell = answered[name] as Cell;
      const value = fromCell(column, cell, this.#forms);
      row[name] = value;
      const found = foreignType(column, cell, value);
      if (found !== null) misfits.push({ column: name, found, expected: expectedType(column) });
    }
    noteMisfits(row, misfits);
    return row;
  }

  keyOf(answered: Record<string, unknown>): Key {
    return joinKey(this.spec.keys.map(({ name }) => this.#keyText(name, answered[name] as Cell)));
  }

  sortable(column: ColumnSpec): RawBuilder<unknown> {
    return this.#ordering(this.#stored(column)).column;
  }

  compared(column: ColumnSpec, op: Comparison, value: Value): RawBuilder<SqlBool> {
    const { column: left, value: right } = this.#ordering(this.#stored(column), value);
    return sql<SqlBool>`${left} ${OPERATORS[op]} ${right}`;
  }

  among(column: ColumnSpec, values: readonly Value[]): RawBuilder<SqlBool> {
    const equal = values.map((value) => this.compared(column, 'eq', value));
    return sql<SqlBool>`(${sql.join(equal, sql` or `)})`;
  }

  contains(column: ColumnSpec, value: Value): RawBuilder<SqlBool> {
    const name = named(column.name);
    if (column.list) return within(name, Array.isArray(value) ? value : [value], true);
    if (column.type === 'json') return within(name, value, false);
    return sql<SqlBool>`banyan_contains(${name}, ${textOf(value)})`;
  }

  /** Text by its bytes, whatever collation the column was declared with. */
  grouped(column: ColumnSpec): RawBuilder<unknown> {
    return isText(column) ? sql`${named(column.name)} collate binary` : named(column.name);
  }

  day(column: ColumnSpec): RawBuilder<unknown> {
    const { affinity } = this.#stored(column);
    const unit = column.type === 'timestamp' && affinity === 'INTEGER' ? this.#forms.integer : null;
    return sql`banyan_day(${named(column.name)}, ${sql.lit(unit)})`;
  }

  /** SQLite's own sums are doubles, or end in an overflow. */
  sum({ name, type }: ColumnSpec): RawBuilder<unknown> {
    return type === 'float' ? sql`sum(${named(name)})` : sql`banyan_sum(${named(name)})`;
  }

  end(column: ColumnSpec, end: 'min' | 'max'): RawBuilder<unknown> {
    const stored = this.#stored(column);
    const { column: order } = this.#ordering(stored);
    return ORDERED_APART.has(column.type)
      ? sql`${sql.raw(`banyan_${end}`)}(${order}, ${named(column.name)})`
      : sql`${sql.raw(end)}(${order})`;
  }

  value(column: ColumnSpec, answered: unknown): Value {
    return fromCell(this.#stored(column), answered as Cell, this.#forms);
  }

  keyParts(): RawBuilder<unknown>[] {
    return this.spec.keys.map(keyPart);
  }

  /** The keys travel as one JSON text, so that any number of them is one statement. */
  isOneOf(keys: readonly Key[]): RawBuilder<SqlBool> {
    const parts = this.spec.keys;
    const cells = keys.map((key) => this.#keyCells(key)).filter((found) => found !== null);
    const [only] = cells;
    if (!only) return NEVER;
    if (cells.length === 1) {
      const equal = parts.map((part, index) => sql`${keyPart(part)} = ${only[index]}`);
      return sql<SqlBool>`(${sql.join(equal, sql` and `)})`;
    }
    const json = `[${cells.map((of) => `[${of.map(jsonOf).join(',')}]`).join(',')}]`;
    const wanted = parts.map((_, index) => sql`value ->> ${sql.lit(index)}`);
    return sql<SqlBool>`(${sql.join(parts.map(keyPart))}) in (select ${sql.join(wanted)} from json_each(${json}))`;
  }

  isBeyond(key: Key): RawBuilder<SqlBool> {
    const cells = this.#keyCells(key) ?? [];
    return sql<SqlBool>`(${sql.join(this.keyParts())}) > (${sql.join(cells.map((cell) => sql`${cell}`))})`;
  }

  async upsert(rows: readonly Row[]): Promise<void> {
    const generated = new Set(
      this.#real.columns.filter((column) => column.generated).map(({ name }) => name),
    );
    const columns = [...this.#columns.values()].filter(({ name }) => !generated.has(name));
    const sets = rows.map((row) => columns.map((column) => this.stored(column, row[column.name])));
    await this.#write([{ sql: this.#upsertText(columns), sets }]);
  }

  #upsertText(columns: readonly StoredColumn[]): string {
    const keys = new Set(this.spec.keys.map(({ name }) => name));
    const others = columns.filter(({ name }) => !keys.has(name));
    const names = sql.join(columns.map(({ name }) => named(name)));
    const places = sql.join(columns.map(() => sql`${null}`));
    const changes = sql.join(others.map(({ name }) => sql`${named(name)} = excluded.${named(name)}`));
    const side = (of: string) => sql.join(others.map(({ name }) => sql`${sql.id(of)}.${named(name)}`));
    const update =
      others.length === 0
        ? sql`nothing`
        : sql`update set ${changes} where (${side('present')}) is not (${side('excluded')})`;
    return sql`insert into ${sql.table(this.spec.name)} as present (${names}) values (${places})
      on conflict (${sql.join([...keys].map(named))}) do ${update}`.compile(BUILDER).sql;
  }

  /** Without AUTOINCREMENT the next key is past the highest by itself. */
  async advanceSequence(past: Key | null): Promise<void> {
    const [key] = this.spec.keys;
    if (!this.#real.remembersKeys || key?.type !== 'int') return;
    const table = this.spec.name;
    const highest = sql`max(${BigInt(past ?? '0')}, (select coalesce(max(${named(key.name)}), 0) from ${sql.table(table)}))`;
    const statements = [
      sql`insert into sqlite_sequence (name, seq) select ${table}, 0
           where not exists (select 1 from sqlite_sequence where name = ${table})`,
      sql`update sqlite_sequence set seq = max(seq, ${highest}) where name = ${table}`,
    ];
    const queries = statements.map((statement) => statement.compile(BUILDER));
    await this.#write(queries.map((query) => ({ sql: query.sql, sets: [query.parameters as Cell[]] })));
  }

  #stored(column: ColumnSpec): StoredColumn {
    return this.#columns.get(column.name) ?? { ...column, affinity: 'BLOB' };
  }

  /** A column and a value as two expressions that SQLite compares as Postgres does. */
  #ordering(column: StoredColumn, value?: Value) {
    const name = named(column.name);
    const asText = column.affinity === 'TEXT' || column.affinity === 'BLOB';
    const cell = value === undefined ? null : toCell(comparable(column), value, this.#forms, 'invalid-query');
    if (column.list || column.type === 'json') return { column: name, value: sql`${cell}` };
    if (column.type === 'decimal') {
      const number = asText || value === undefined ? null : numberCell(String(cell), column.affinity);
      if (number !== null || (!asText && value === undefined)) return { column: name, value: sql`${number}` };
      return {
        column: sql`banyan_decimal(${name})`,
        value: sql`${cell === null ? null : decimalOrder(String(cell))}`,
      };
    }
    if (column.type === 'timestamp' && column.affinity !== 'INTEGER')
      return {
        column: sql`banyan_moment(${name})`,
        value: sql`${cell === null ? null : momentOrder(String(cell))}`,
      };
    // Text goes by its bytes, whatever collation the column was declared with.
    return {
      column: typeof cell === 'string' || isText(column) ? sql`${name} collate binary` : name,
      value: sql`${cell}`,
    };
  }

  #keyText(name: string, cell: Cell): string {
    const value = fromCell(this.#columns.get(name) as StoredColumn, cell, this.#forms);
    return textOf(value);
  }

  /** The parts of a key as SQLite holds them; null for a key that no row of such a table can have. */
  #keyCells(key: Key): Cell[] | null {
    const texts = splitKey(key, this.spec.keys.length);
    const cells = this.spec.keys.map(({ type }, index): Cell => {
      const text = texts[index] as string;
      if (type !== 'int') return text;
      return /^-?\d+$/.test(text) ? BigInt(text) : null;
    });
    return cells.includes(null) ? null : cells;
  }
}

function keyPart({ name, type }: KeyPart): RawBuilder<unknown> {
  return type === 'int' ? named(name) : sql`${named(name)} collate binary`;
}

function isText({ type }: ColumnSpec): boolean {
  return ['text', 'enum', 'uuid', 'objectid', 'date', 'time'].includes(type);
}

/** A decimal to compare with may have more digits than the column holds; a moment may be finer than it counts. */
function comparable(column: StoredColumn): StoredColumn {
  return column.type === 'decimal' ? { ...column, affinity: 'TEXT' } : column;
}

function within(name: RawBuilder<unknown>, value: Value, list: boolean): RawBuilder<SqlBool> {
  return sql<SqlBool>`banyan_within(${name}, ${stringifyJson(value)}, ${list ? 1n : 0n})`;
}

function jsonOf(cell: Cell): string {
  return typeof cell === 'bigint' ? String(cell) : JSON.stringify(cell);
}

function textOf(value: Value): string {
  if (typeof value === 'string') return value;
  return typeof value === 'number' || isExactNumber(value) ? numberText(value) : stringifyJson(value);
}

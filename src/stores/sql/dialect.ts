import { sql, type CompiledQuery, type Expression, type RawBuilder, type SqlBool } from 'kysely';
import { BanyanError } from '../../domain/errors.ts';
import type { ColumnSpec } from '../../domain/model.ts';
import type { Estimate } from '../../domain/query.ts';
import type { Row, Value } from '../../domain/values.ts';
import type { Key } from '../../domain/words.ts';
import type { ActualTable, Capabilities, InsertManyOptions, InsertOutcome, TableSpec } from '../contract.ts';
import type { Builder } from './builder.ts';

export type Comparison = 'eq' | 'ne' | 'gt' | 'gte' | 'lt' | 'lte';

/** What a statement answered; rows in the database's own values, by column name. */
export interface Answer {
  rows: Record<string, unknown>[];
  changed: number;
}

/** A database of one kind. Statements end within the store's timeout and fail with errors of the catalogue. */
export interface Engine {
  readonly capabilities: Capabilities;
  /** Something of it will be asked soon. */
  prepare?(): void;
  /** How statements on a table are written. Looks at the real table; fails with store-answer where there is none. */
  dialect(spec: TableSpec): Promise<Dialect>;
  describe(spec: TableSpec): Promise<ActualTable | null>;
  run(query: CompiledQuery): Promise<Answer>;
  /** About how many rows a query has. Left out where only counting tells. */
  estimate?(query: CompiledQuery): Promise<Estimate>;
  ping(): Promise<void>;
  close(): Promise<void>;
}

/** How one table's statements are written in one kind of database; what both have in common is in table.ts. */
export abstract class Dialect {
  abstract readonly builder: Builder;
  /** What stands before the values of an insert that may choose a key. */
  abstract readonly overriding: RawBuilder<unknown>;
  readonly spec: TableSpec;
  /** Whether the table is a view. */
  readonly readOnly: boolean;
  readonly #columns: ReadonlyMap<string, ColumnSpec>;

  constructor(spec: TableSpec, readOnly: boolean) {
    this.spec = spec;
    this.readOnly = readOnly;
    this.#columns = new Map(spec.columns.map((column) => [column.name, column]));
  }

  /** The column of a condition, a sort or a row. */
  column(name: string, code: 'invalid-query' | 'validation-failed'): ColumnSpec {
    const column = this.#columns.get(name);
    if (column) return column;
    const message = `table "${this.spec.name}" has no column "${name}"; it has ${[...this.#columns.keys()].join(', ')}`;
    throw new BanyanError(code, message, { details: { field: name } });
  }

  /** A value to be written, as the driver takes it. */
  abstract stored(column: ColumnSpec, value: Value | undefined): unknown;
  /** A column in a SELECT or RETURNING. */
  abstract selected(column: ColumnSpec): RawBuilder<unknown>;
  /** A row as it was answered. */
  abstract row(answered: Record<string, unknown>): Row;
  abstract keyOf(answered: Record<string, unknown>): Key;

  /** A column as an expression that sorts by value; text by its bytes where that is asked for. */
  abstract sortable(column: ColumnSpec, bytewise: boolean): RawBuilder<unknown>;
  /** A comparison by value with something that is not null. */
  abstract compared(column: ColumnSpec, op: Comparison, value: Value, bytewise: boolean): RawBuilder<SqlBool>;
  abstract among(column: ColumnSpec, values: readonly Value[]): RawBuilder<SqlBool>;
  /** Text that has the value in it, whatever its case; a list that has the element; a document that has the members. */
  abstract contains(column: ColumnSpec, value: Value): RawBuilder<SqlBool>;

  /** A column whose equal values make a group. */
  abstract grouped(column: ColumnSpec): RawBuilder<unknown>;
  /** The UTC day of a timestamp or date as `YYYY-MM-DD`. */
  abstract day(column: ColumnSpec): RawBuilder<unknown>;
  /** The sum of a column of numbers, exact but for floats. */
  abstract sum(column: ColumnSpec): RawBuilder<unknown>;
  /** The least or greatest value of a column of numbers or moments. */
  abstract end(column: ColumnSpec, end: 'min' | 'max'): RawBuilder<unknown>;
  /** A value of a column as it was answered. */
  abstract value(column: ColumnSpec, answered: unknown): Value;

  /** The parts of the key as expressions whose order is that of `compareKeys`. */
  abstract keyParts(): RawBuilder<unknown>[];
  abstract isOneOf(keys: readonly Key[]): Expression<SqlBool>;
  /** Rows beyond a key, part by part. */
  abstract isBeyond(key: Key): Expression<SqlBool>;

  /** Creates rows in few statements, where `capabilities.atomicInserts`. */
  insertMany?(rows: readonly Row[], options: InsertManyOptions): Promise<InsertOutcome[]>;
  /** Makes rows exist just as given, all or none. */
  abstract upsert(rows: readonly Row[]): Promise<void>;
  /** Sets the sequence behind the key past the highest one, and past this one (D3). */
  abstract advanceSequence(past: Key | null): Promise<void>;
}

/** A column's name; quoted, whatever is in it. */
export function named(name: string): RawBuilder<unknown> {
  return sql`${sql.id(name)}`;
}

export const NEVER: RawBuilder<SqlBool> = sql<SqlBool>`1 = 0`;
export const ALWAYS: RawBuilder<SqlBool> = sql<SqlBool>`1 = 1`;

/** Operators as SQL has them. */
export const OPERATORS: Readonly<Record<Comparison, RawBuilder<unknown>>> = {
  eq: sql`=`,
  ne: sql`<>`,
  gt: sql`>`,
  gte: sql`>=`,
  lt: sql`<`,
  lte: sql`<=`,
};

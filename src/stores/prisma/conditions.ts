import { BanyanError, type ErrorCode } from '../../domain/errors.ts';
import type { ColumnSpec } from '../../domain/model.ts';
import type { Condition, Operator, SortBy } from '../../domain/query.ts';
import type { Value } from '../../domain/values.ts';
import { arrayLiteral } from '../../postgres/arrays.ts';
import { quote, quoteTable } from '../../postgres/quoting.ts';
import { toText } from './values.ts';

export { quote, quoteTable };

const COMPARISONS = { eq: '=', ne: '<>', gt: '>', gte: '>=', lt: '<', lte: '<=' } as const;

const ORDERED: ReadonlySet<Operator> = new Set(['gt', 'gte', 'lt', 'lte']);

export const FILTER_OPERATORS: readonly Operator[] = ['eq', 'ne', 'gt', 'gte', 'lt', 'lte', 'in', 'contains'];

/** Builds one statement's text and parameters together. Values never become part of the text. */
export class StatementParts {
  readonly parameters: (string | null)[] = [];
  readonly #columns: ReadonlyMap<string, ColumnSpec>;
  readonly #table: string;
  readonly #collation: string | undefined;

  /** `collation`: that in which text goes, whatever the database's own. */
  constructor(
    table: string,
    columns: ReadonlyMap<string, ColumnSpec>,
    { collation }: { collation?: string | undefined } = {},
  ) {
    this.#table = table;
    this.#columns = columns;
    this.#collation = collation;
  }

  /** Adds a parameter; answers its place, e.g. `$3`. */
  place(text: string | null): string {
    return `$${this.parameters.push(text)}`;
  }

  /** `WHERE …`, or nothing. */
  where(condition: Condition | null | undefined): string {
    return condition ? ` WHERE ${this.#condition(condition)}` : '';
  }

  /** ` AND …`, or nothing. */
  and(condition: Condition | null | undefined): string {
    return condition ? ` AND ${this.#condition(condition)}` : '';
  }

  /** `ORDER BY …`, or nothing. Nulls come as Postgres has them: last when ascending. */
  orderBy(sort: readonly SortBy[]): string {
    const parts = sort.map((by) => this.#inOrder(this.column(by.field)) + (by.descending ? ' DESC' : ''));
    return parts.length ? ` ORDER BY ${parts.join(', ')}` : '';
  }

  /** The column of a condition or a sort. */
  column(name: string): ColumnSpec {
    return this.#known(name, 'invalid-query');
  }

  /** A value to be written: `"name"` and the place of its parameter. */
  assignment(name: string, value: Value | undefined): { name: string; place: string } {
    const column = this.#known(name, 'validation-failed');
    return { name: quote(name), place: this.place(toText(column, value)) };
  }

  #known(name: string, code: ErrorCode): ColumnSpec {
    const column = this.#columns.get(name);
    if (column) return column;
    const message = `table "${this.#table}" has no column "${name}"; it has ${[...this.#columns.keys()].join(', ')}`;
    throw new BanyanError(code, message, { details: { field: name } });
  }

  #condition(condition: Condition): string {
    if ('and' in condition) return this.#all(condition.and, ' AND ', 'TRUE');
    if ('or' in condition) return this.#all(condition.or, ' OR ', 'FALSE');
    const column = this.column(condition.field);
    const name = quote(column.name);
    if (condition.op === 'null') return `${name} IS ${condition.value ? '' : 'NOT '}NULL`;
    if (condition.op === 'contains') return this.#contains(column, condition.value);
    if (condition.op === 'in') {
      return `${name} = ANY(${this.place(arrayLiteral(condition.value.map((value) => toText(column, value))))})`;
    }
    const side = ORDERED.has(condition.op) ? this.#inOrder(column) : name;
    return this.#compares(side, name, condition.op, toText(column, condition.value));
  }

  /** The column as an expression that has the wanted order. */
  #inOrder({ name, type, list }: ColumnSpec): string {
    const collation = this.#collation;
    if (collation === undefined || list || (type !== 'text' && type !== 'enum')) return quote(name);
    return `${quote(name)}${type === 'enum' ? '::text' : ''} COLLATE ${quote(collation)}`;
  }

  #compares(side: string, name: string, op: keyof typeof COMPARISONS, text: string | null): string {
    if (text !== null) return `${side} ${COMPARISONS[op]} ${this.place(text)}`;
    // Nothing equals NULL or is beyond it; a test for null is what `eq` and `ne` of null can only mean.
    if (op === 'eq' || op === 'ne') return `${name} IS ${op === 'eq' ? '' : 'NOT '}NULL`;
    return 'FALSE';
  }

  #all(conditions: readonly Condition[], word: string, none: string): string {
    if (conditions.length === 0) return none;
    return `(${conditions.map((part) => this.#condition(part)).join(word)})`;
  }

  /** Text that has the value in it, whatever its case; a list that has the element; a document that has the members. */
  #contains(column: ColumnSpec, value: Value): string {
    const name = quote(column.name);
    if (column.list)
      return `${name} @> ${this.place(toText(column, Array.isArray(value) ? value : [value]))}`;
    if (column.type === 'json') return `${name} @> ${this.place(toText(column, value))}`;
    const pattern = `%${(toText(column, value) ?? '').replace(/[\\%_]/g, '\\$&')}%`;
    return `${column.type === 'text' ? name : `${name}::text`} ILIKE ${this.place(pattern)}`;
  }
}

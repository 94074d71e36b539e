import { sql, type RawBuilder, type SqlBool } from 'kysely';
import type { Condition, Operator, SortBy } from '../../domain/query.ts';
import { ALWAYS, NEVER, named, type Dialect } from './dialect.ts';

export const FILTER_OPERATORS: readonly Operator[] = ['eq', 'ne', 'gt', 'gte', 'lt', 'lte', 'in', 'contains'];

type Leaf = Exclude<Condition, { and: Condition[] } | { or: Condition[] }>;

/** A condition as an expression. Values never become part of the text. `bytewise`: text goes by its bytes. */
export function conditionOf(dialect: Dialect, where: Condition, bytewise = false): RawBuilder<SqlBool> {
  if ('and' in where) return joined(dialect, where.and, ' and ', ALWAYS, bytewise);
  if ('or' in where) return joined(dialect, where.or, ' or ', NEVER, bytewise);
  return leafOf(dialect, where, bytewise);
}

function joined(
  dialect: Dialect,
  parts: readonly Condition[],
  word: string,
  none: RawBuilder<SqlBool>,
  bytewise: boolean,
): RawBuilder<SqlBool> {
  if (parts.length === 0) return none;
  const conditions = parts.map((part) => conditionOf(dialect, part, bytewise));
  return sql<SqlBool>`(${sql.join(conditions, sql.raw(word))})`;
}

function leafOf(dialect: Dialect, leaf: Leaf, bytewise: boolean): RawBuilder<SqlBool> {
  const column = dialect.column(leaf.field, 'invalid-query');
  if (leaf.op === 'null') return isNull(leaf.field, leaf.value);
  if (leaf.op === 'in') {
    const values = leaf.value.filter((value) => value !== null);
    return values.length > 0 ? dialect.among(column, values) : NEVER;
  }
  if (leaf.value === null) {
    // Nothing equals NULL or is beyond it; a test for null is what `eq` and `ne` of null can only mean.
    return leaf.op === 'eq' || leaf.op === 'ne' ? isNull(leaf.field, leaf.op === 'eq') : NEVER;
  }
  return leaf.op === 'contains'
    ? dialect.contains(column, leaf.value)
    : dialect.compared(column, leaf.op, leaf.value, bytewise);
}

function isNull(name: string, value: boolean): RawBuilder<SqlBool> {
  return sql<SqlBool>`${named(name)} is ${sql.raw(value ? '' : 'not ')}null`;
}

/** Fields of a sort as expressions. Nulls are the greatest value, as in Postgres. */
export function orderOf(dialect: Dialect, sort: readonly SortBy[], bytewise = false): RawBuilder<unknown>[] {
  return sort.map(({ field, descending }) => {
    const column = dialect.sortable(dialect.column(field, 'invalid-query'), bytewise);
    return sql`${column} ${sql.raw(descending ? 'desc nulls first' : 'asc nulls last')}`;
  });
}

import type { ApiSettings } from '../../domain/configuration.ts';
import type { ColumnSpec } from '../../domain/model.ts';
import { agreementOf } from '../../domain/order.ts';
import type { Condition, SortBy } from '../../domain/query.ts';
import { isExactNumber, numberText, type Value } from '../../domain/values.ts';

type Leaf = Exclude<Condition, { and: Condition[] } | { or: Condition[] }>;
export type Parameters = [name: string, value: string][];

/** What of a condition the API is asked for, and what is left to be looked at here. */
export interface Split {
  parameters: Parameters;
  rest: Condition | null;
}

/** Hands over the conditions that the API declares to know, where all of them have to hold. */
export function splitCondition(where: Condition | null, filters: ApiSettings['filters']): Split {
  const parameters: Parameters = [];
  const rest: Condition[] = [];
  for (const part of where ? allOf(where) : []) {
    const parameter = parameterOf(part, filters);
    // One name is sent once: what an API makes of two is not declared.
    if (parameter && !parameters.some(([name]) => name === parameter[0])) parameters.push(parameter);
    else rest.push(part);
  }
  return { parameters, rest: rest.length === 0 ? null : { and: rest } };
}

function allOf(condition: Condition): Condition[] {
  return 'and' in condition ? condition.and.flatMap(allOf) : [condition];
}

function parameterOf(part: Condition, filters: ApiSettings['filters']): [string, string] | null {
  if ('and' in part || 'or' in part || part.op === 'null') return null;
  const name = filters[part.field]?.[part.op];
  const value = name === undefined ? null : parameterText(part);
  return name === undefined || value === null ? null : [name, value];
}

/** Null where a URL cannot say it without doubt. */
function parameterText(leaf: Leaf): string | null {
  if (leaf.op !== 'in') return plainText(leaf.value as Value);
  const texts = leaf.value.map(plainText);
  const clear =
    texts.length > 0 && texts.every((text) => text !== null && text !== '' && !text.includes(','));
  return clear ? texts.join(',') : null;
}

function plainText(value: Value): string | null {
  if (typeof value === 'string') return value;
  if (typeof value === 'boolean') return String(value);
  return typeof value === 'number' || isExactNumber(value) ? numberText(value) : null;
}

/** The sort as the API takes it; null where it does not know one of the columns. */
export function sortParameter(sort: readonly SortBy[], known: ApiSettings['sort']): Parameters | null {
  if (!known || sort.some(({ field }) => !known.columns.includes(field))) return null;
  const texts = sort.map(({ field, descending }) =>
    (descending ? known.descending : known.ascending).replace('{column}', field),
  );
  return [[known.parameter, texts.join(',')]];
}

/** What an API knows without what depends on its order of text. */
export function withoutTextOrder(
  filters: ApiSettings['filters'],
  sort: ApiSettings['sort'],
  columns: ReadonlyMap<string, ColumnSpec>,
): Pick<ApiSettings, 'filters' | 'sort'> {
  const isText = (column: string) => agreementOf(columns.get(column)?.type ?? 'text', false) === 'text';
  const known = Object.entries(filters).map(([column, operators]) => {
    const { gt: _gt, gte: _gte, lt: _lt, lte: _lte, ...others } = operators;
    return [column, isText(column) ? others : operators] as const;
  });
  return {
    filters: Object.fromEntries(known),
    sort: sort && { ...sort, columns: sort.columns.filter((column) => !isText(column)) },
  };
}

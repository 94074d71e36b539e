import type { Value } from './values.ts';

export type Operator = 'eq' | 'ne' | 'gt' | 'gte' | 'lt' | 'lte' | 'in' | 'contains';

/** A condition that every store can translate. `field` is a public name above the mapping, a column below it. */
export type Condition =
  | { and: Condition[] }
  | { or: Condition[] }
  | { field: string; op: Exclude<Operator, 'in'>; value: Value }
  | { field: string; op: 'in'; value: Value[] }
  | { field: string; op: 'null'; value: boolean };

export interface SortBy {
  field: string;
  descending: boolean;
}

/** What a list reads: rows that hold for `where`, in the order of `sort`, as Postgres orders nulls (last when ascending). */
export interface ListQuery {
  where: Condition | null;
  /** Total order: its last field is the key. */
  sort: SortBy[];
  limit: number;
  offset: number;
  /**
   * Whether the number of all matching rows is wanted too. `estimate`: about how many there are, where that is known
   * faster; who cannot say counts.
   */
  total: boolean | 'estimate';
  /**
   * Text is sorted, and compared by `gt` to `lte`, in this collation, whatever order the store has of its own: `C`, by the
   * bytes of its UTF-8, which needs `capabilities.bytewiseText`, or another, which needs `capabilities.collations`.
   */
  collation?: string;
  /** Where the page begins, where it is the next one of a list: `where` says it too. */
  after?: PageStart;
  /** Then `where` as conditions without alternatives, whose records come one after the other, for stores that need such. */
  stretches?: Condition[];
}

export interface PageStart {
  /** What the sort fields of the last record had, in the order of `sort`. */
  values: readonly Value[];
  /** The condition of the list itself. */
  within: Condition | null;
}

/** The same sort from its end. */
export function reversed(sort: readonly SortBy[]): SortBy[] {
  return sort.map(({ field, descending }) => ({ field, descending: !descending }));
}

/** About how many rows there are; `exact`: they were counted. */
export interface Estimate {
  count: number;
  exact: boolean;
}

/**
 * The condition "comes after this row in the sort order", for keyset pages. `values` are the row's values of the sort
 * fields, in the order of `sort`. Nulls are the greatest value, as in Postgres.
 *
 * Where the first field cannot be null beyond the row, its own bound is said once more by itself: an index is entered
 * there, instead of being read from the beginning for every page.
 */
export function afterRow(
  sort: readonly SortBy[],
  values: readonly Value[],
  nullable: (field: string) => boolean = () => true,
): Condition {
  const after = alternativesAfter(sort, values, nullable);
  const [first] = sort;
  const bound = values[0] ?? null;
  if (!first || sort.length === 1 || bound === null || (!first.descending && nullable(first.field)))
    return after;
  return { and: [{ field: first.field, op: first.descending ? 'lte' : 'gte', value: bound }, after] };
}

/** The same as conditions without alternatives: the records of each come before those of the next. */
export function stretchesAfter(
  sort: readonly SortBy[],
  values: readonly Value[],
  nullable: (field: string) => boolean = () => true,
): Condition[] {
  return sort.toReversed().flatMap((by, back) => {
    const index = sort.length - 1 - back;
    const beyond = beyondValue(by, values[index] ?? null, nullable(by.field));
    if (!beyond) return [];
    const equal = equalsBefore(sort, values, index);
    return ('or' in beyond ? beyond.or : [beyond]).map((part) => ({ and: [...equal, part] }));
  });
}

function equalsBefore(sort: readonly SortBy[], values: readonly Value[], index: number): Condition[] {
  return sort.slice(0, index).map(({ field }, at) => equals(field, values[at] ?? null));
}

function alternativesAfter(
  sort: readonly SortBy[],
  values: readonly Value[],
  nullable: (field: string) => boolean,
): Condition {
  const alternatives: Condition[] = [];
  sort.forEach((by, index) => {
    const beyond = beyondValue(by, values[index] ?? null, nullable(by.field));
    if (!beyond) return;
    const equal = equalsBefore(sort, values, index);
    alternatives.push(equal.length ? { and: [...equal, beyond] } : beyond);
  });
  return alternatives.length === 1 ? (alternatives[0] as Condition) : { or: alternatives };
}

function equals(field: string, value: Value): Condition {
  return value === null ? { field, op: 'null', value: true } : { field, op: 'eq', value };
}

function beyondValue({ field, descending }: SortBy, value: Value, nullable: boolean): Condition | null {
  if (value === null) return descending ? { field, op: 'null', value: false } : null;
  if (descending) return { field, op: 'lt', value };
  if (!nullable) return { field, op: 'gt', value };
  return {
    or: [
      { field, op: 'gt', value },
      { field, op: 'null', value: true },
    ],
  };
}

const ORDERED: ReadonlySet<Operator | 'null'> = new Set<Operator>(['gt', 'gte', 'lt', 'lte']);

/** Fields that a condition holds against the order of their values. */
export function comparedFields(condition: Condition | null): string[] {
  if (!condition) return [];
  if ('and' in condition) return condition.and.flatMap(comparedFields);
  if ('or' in condition) return condition.or.flatMap(comparedFields);
  return ORDERED.has(condition.op) ? [condition.field] : [];
}

/** The same condition with other field names, e.g. public names to columns. */
export function renameFields(condition: Condition, rename: (field: string) => string): Condition {
  if ('and' in condition) return { and: condition.and.map((part) => renameFields(part, rename)) };
  if ('or' in condition) return { or: condition.or.map((part) => renameFields(part, rename)) };
  return { ...condition, field: rename(condition.field) };
}

import { BanyanError } from '../domain/errors.ts';
import { partText } from '../domain/keys.ts';
import type { Condition, SortBy } from '../domain/query.ts';
import { sameValue, type Value } from '../domain/values.ts';
import type { Side } from '../domain/words.ts';
import type { Codec } from './codecs.ts';
import type { MappedField } from './field.ts';
import { lastIdBefore } from './id-order.ts';
import type { IdForms } from './ids.ts';

/** Fields by name, as a condition needs them. */
export type FieldOf = (name: string) => MappedField | undefined;

type Leaf = Exclude<Condition, { and: Condition[] } | { or: Condition[] }>;

const NOTHING: Condition = { or: [] };
const EVERYTHING: Condition = { and: [] };

/** Operators that say the same of the values of a side as of the public ones, whatever the translation. */
const EQUALITY: ReadonlySet<Leaf['op']> = new Set(['eq', 'ne', 'in', 'null']);

/** A condition on public fields as one on the columns of a side. Fails with invalid-query where the side cannot tell. */
export function conditionOn(side: Side, where: Condition, fieldOf: FieldOf): Condition {
  if ('and' in where) return { and: where.and.map((part) => conditionOn(side, part, fieldOf)) };
  if ('or' in where) return { or: where.or.map((part) => conditionOn(side, part, fieldOf)) };
  const field = fieldOf(where.field);
  if (!field) return where;
  const column = columnOn(side, field, 'filtered by');
  if (field.standard !== null) return withDefault(side, where, field, column);
  return field.codecs[side] ? translated(side, where, field, column) : { ...where, field: column };
}

/** A sort by public fields as one by the columns of a side. */
export function sortOn(side: Side, sort: readonly SortBy[], fieldOf: FieldOf): SortBy[] {
  return sort.map(({ field, descending }) => {
    const mapped = fieldOf(field);
    if (!mapped) return { field, descending };
    if (!mapped.ordered && side === 'legacy') throw cannot(mapped, 'sorted by');
    return { field: columnOn(side, mapped, 'sorted by'), descending };
  });
}

/** The column of a field; fails where the side holds the field only together with others. */
function columnOn(side: Side, field: MappedField, what: string): string {
  const column = field.columns[side];
  if (column === null || field.children) throw cannot(field, what);
  return column;
}

function cannot({ name }: { name: string }, what: string): BanyanError {
  return new BanyanError(
    'invalid-query',
    `the list cannot be ${what} "${name}" while legacy answers: legacy holds it in another form`,
    { details: { field: name } },
  );
}

function translated(side: Side, where: Leaf, field: MappedField, column: string): Condition {
  if (where.op === 'null') return { ...where, field: column };
  if (!EQUALITY.has(where.op) && !(field.ordered && where.op !== 'contains')) {
    if (side === 'new') return { ...where, field: column };
    throw cannot(field, `asked for "${where.op}" of`);
  }
  const codec = field.explicit[side];
  if (where.op === 'in') {
    const values = where.value.map((value) => held(codec, value)).filter((value) => value !== undefined);
    return values.length === 0 ? NOTHING : { field: column, op: 'in', value: values };
  }
  const value = held(codec, where.value);
  if (value !== undefined) return { ...where, field: column, value } as Condition;
  if (field.ids && !EQUALITY.has(where.op)) return beyondForeign(side, where, field, column);
  // No record of this side has such a value.
  return where.op === 'ne' ? { field: column, op: 'null', value: false } : NOTHING;
}

/**
 * "Comes after this id", or before it, where the side has no form of the id: its own ids have their places before and
 * after it all the same, and a page that goes on from there must not lack them.
 */
function beyondForeign(side: Side, where: Leaf, field: MappedField, column: string): Condition {
  const last = lastIdBefore(side, field.ids as IdForms, partText(where.value as Value));
  const after = where.op === 'gt' || where.op === 'gte';
  if (last === null) return after ? { field: column, op: 'null', value: false } : NOTHING;
  const value = held(field.explicit[side], last) as Value;
  return { field: column, op: after ? 'gt' : 'lte', value };
}

/** A value as the side holds it; undefined where it has no form there. */
function held(codec: Codec | null, value: Value): Value | undefined {
  try {
    return codec ? codec.toSide(value) : value;
  } catch (error) {
    if (error instanceof BanyanError) return undefined;
    throw error;
  }
}

/** A missing value counts as the default: it is asked for, or kept out, together with it. */
function withDefault(side: Side, where: Leaf, field: MappedField, column: string): Condition {
  if (where.op === 'null') return where.value ? NOTHING : EVERYTHING;
  const condition = translated(side, where, field, column);
  const names = (value: Value) => sameValue(value, field.standard);
  const isNull = (value: boolean): Condition => ({ field: column, op: 'null', value });
  if (where.op === 'ne')
    return names(where.value) ? { and: [condition, isNull(false)] } : { or: [condition, isNull(true)] };
  const wanted = where.op === 'in' ? where.value.some(names) : where.op === 'eq' && names(where.value);
  return wanted ? { or: [condition, isNull(true)] } : condition;
}

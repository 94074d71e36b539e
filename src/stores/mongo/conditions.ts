import { Decimal128, Double, type Document, type Filter } from 'mongodb';
import { BanyanError } from '../../domain/errors.ts';
import { valueProblem } from '../../domain/json-values.ts';
import type { ColumnSpec } from '../../domain/model.ts';
import type { Condition } from '../../domain/query.ts';
import { isExactNumber, numberText, type Value } from '../../domain/values.ts';
import { dateOf, nativeValue } from './values.ts';

export type MongoFilter = Filter<Document>;
/** What the translation needs to know of a table. */
export type Columns = ReadonlyMap<string, ColumnSpec>;

type Leaf = Exclude<Condition, { and: Condition[] } | { or: Condition[] }>;
type Comparison = 'eq' | 'ne' | 'gt' | 'gte' | 'lt' | 'lte';

const ALL: MongoFilter = {};

/** Documents that hold for a condition, as SQL means it; null where none can. */
export function filterOf(where: Condition | null | undefined, columns: Columns): MongoFilter | null {
  if (!where) return ALL;
  if ('and' in where) {
    const parts = where.and.map((part) => filterOf(part, columns));
    if (parts.includes(null)) return null;
    return joined('$and', parts as MongoFilter[]);
  }
  if ('or' in where) {
    const parts = where.or.map((part) => filterOf(part, columns)).filter((part) => part !== null);
    if (parts.some((part) => isAll(part))) return ALL;
    return parts.length === 0 ? null : joined('$or', parts);
  }
  return leafFilter(where, columnOf(where.field, columns));
}

function joined(operator: '$and' | '$or', parts: MongoFilter[]): MongoFilter {
  const telling = parts.filter((part) => !isAll(part));
  if (telling.length <= 1) return telling[0] ?? ALL;
  const names = telling.flatMap((part) => Object.keys(part));
  // Side by side where that says the same: planners see the range of a field best there.
  if (operator === '$and' && new Set(names).size === names.length)
    return Object.assign({}, ...telling) as MongoFilter;
  return { [operator]: telling };
}

function isAll(filter: MongoFilter): boolean {
  return Object.keys(filter).length === 0;
}

/**
 * A condition under the assumption that a column is null, or that it is not: a page that is read in two parts, for the
 * place of nulls in its order, asks each part only for what can be in it.
 */
export function assuming(where: Condition | null, field: string, isNull: boolean): Condition | null {
  const nothing: Condition = { or: [] };
  if (!where) return null;
  if ('and' in where) return { and: where.and.map((part) => assuming(part, field, isNull) ?? { and: [] }) };
  if ('or' in where) {
    const parts = where.or.map((part) => assuming(part, field, isNull) ?? { and: [] });
    return {
      or: parts.filter((part) => !isNever(part)).flatMap((part) => ('or' in part ? part.or : [part])),
    };
  }
  if (where.field !== field) return where;
  if (where.op === 'null') return where.value === isNull ? { and: [] } : nothing;
  if (!isNull || where.op === 'in' || where.value === null) return where;
  return nothing;
}

/** Whether a condition can be seen to hold for nothing. */
export function isNever(condition: Condition | null): boolean {
  if (!condition) return false;
  if ('or' in condition) return condition.or.every(isNever);
  return 'and' in condition && condition.and.some(isNever);
}

/** Null and missing are the same to a filter. */
function nullFilter({ name, list, type }: ColumnSpec, isNull: boolean): MongoFilter {
  // To a filter an array is also each of its elements, and one of those may be null.
  if (!list && type !== 'json') return isNull ? { [name]: null } : { [name]: { $ne: null } };
  const array = { [name]: { $type: 'array' } };
  return isNull
    ? { $and: [{ [name]: null }, { $nor: [array] }] }
    : { $or: [{ [name]: { $ne: null } }, array] };
}

function leafFilter(leaf: Leaf, column: ColumnSpec): MongoFilter | null {
  const { name } = column;
  if (leaf.op === 'null') return nullFilter(column, leaf.value);
  if (leaf.op === 'in') {
    const natives = leaf.value.filter((value) => value !== null).flatMap((value) => equals(value, column));
    return natives.length === 0 ? null : { [name]: { $in: natives } };
  }
  if (leaf.value === null) {
    // SQL: nothing is equal to null or beyond it; a test for null is what eq and ne of null can only mean.
    return leaf.op === 'eq' || leaf.op === 'ne' ? nullFilter(column, leaf.op === 'eq') : null;
  }
  if (leaf.op === 'contains') return containsFilter(leaf.value, column);
  return comparison(leaf.op, leaf.value, column);
}

function comparison(op: Comparison, value: Value, column: ColumnSpec): MongoFilter | null {
  const { name } = column;
  const natives = column.type === 'timestamp' && !column.list ? null : equals(value, column);
  if (natives === null) return momentFilter(op, value, column);
  const [first, ...more] = natives;
  if (op === 'eq')
    return { [name]: more.length > 0 ? { $in: natives } : column.type === 'json' ? { $eq: first } : first };
  if (op === 'ne') return { [name]: { $nin: [...natives, null] } };
  if (more.length === 0) return { [name]: { [`$${op}`]: first } };
  // Beyond all of them, or at least as far as one.
  const each = natives.map((native) => ({ [name]: { [`$${op}`]: native } }));
  return op === 'gt' || op === 'lt' ? { $and: each } : { $or: each };
}

/** A moment between two milliseconds: no Date is equal to it, and which ones lie beyond it is known. */
function momentFilter(op: Comparison, value: Value, column: ColumnSpec): MongoFilter | null {
  check(value, column);
  const { name } = column;
  const at = dateOf(value as string);
  if (!at) throw unfit(column, 'must be a moment between the years 0 and 9999');
  if (op === 'eq') return at.exact ? { [name]: at.date } : null;
  if (op === 'ne') return { [name]: at.exact ? { $nin: [at.date, null] } : { $ne: null } };
  if (at.exact) return { [name]: { [`$${op}`]: at.date } };
  return { [name]: { [op === 'gt' || op === 'gte' ? '$gt' : '$lte']: at.date } };
}

/**
 * The BSON values that are equal to a canonical one. A decimal may be stored as a double, which is not the same number:
 * 0.1 as a double is a little more, and shown as 0.1 all the same.
 */
function equals(value: Value, column: ColumnSpec): unknown[] {
  if (column.type === 'timestamp' && !column.list) {
    check(value, column);
    const at = dateOf(value as string);
    return at?.exact ? [at.date] : [];
  }
  check(value, column);
  const written = nativeValue(value, column);
  // No document holds a value that cannot be written, so none is equal to it; where it lies is still to be said.
  if ('problem' in written) throw unfit(column, written.problem);
  const { native } = written;
  if (!(native instanceof Decimal128)) return [native];
  const asDouble = typeof value === 'number' ? value : Number(native.toString());
  const isShownSo = !isExactNumber(value) && Number.isFinite(asDouble) && !Number.isInteger(asDouble);
  return isShownSo ? [native, new Double(asDouble)] : [native];
}

/** Text that has the value in it, whatever its case; a list that has the elements; a document that has the members. */
function containsFilter(value: Value, column: ColumnSpec): MongoFilter {
  const { name } = column;
  if (column.list) {
    const items = Array.isArray(value) ? value : [value];
    const natives = items.flatMap((item) => equals(item, { ...column, list: false }));
    return natives.length === 0 ? { [name]: { $type: 'array' } } : { [name]: { $all: natives } };
  }
  if (column.type === 'json') return membersFilter(name, value);
  const text = typeof value === 'string' ? value : isNumber(value) ? numberText(value) : '';
  if (text.includes('\0')) throw unfit(column, 'must be a text without NUL');
  return { [name]: { $regex: text.replace(/[\\^$.|?*+()[\]{}/-]/g, '\\$&'), $options: 'i' } };
}

/** The containment of jsonb: members at the same depth; an array holds each element, and a scalar as well. */
function membersFilter(path: string, value: Value): MongoFilter {
  if (Array.isArray(value))
    return joined('$and', [
      { [path]: { $type: 'array' } },
      ...value.map((item) => elementFilter(path, item)),
    ]);
  if (typeof value !== 'object' || value === null || isExactNumber(value))
    return { [path]: { $eq: json(value) } };
  const members = Object.entries(value).map(([name, member]) =>
    membersFilter(`${path}.${memberName(name)}`, member),
  );
  // A path also leads through the elements of an array, whose members are one level deeper.
  return joined('$and', [
    { [path]: { $type: 'object' } },
    { $nor: [{ [path]: { $type: 'array' } }] },
    ...members,
  ]);
}

function elementFilter(path: string, item: Value): MongoFilter {
  if (typeof item !== 'object' || item === null || isExactNumber(item))
    return { [path]: { $elemMatch: { $eq: json(item) } } };
  if (Array.isArray(item)) return { [path]: { $elemMatch: { $all: item.map(json) } } };
  const members = Object.entries(item).map(([name, member]) => membersFilter(memberName(name), member));
  return { [path]: { $elemMatch: joined('$and', members) } };
}

function memberName(name: string): string {
  if (name !== '' && !name.includes('.') && !name.startsWith('$')) return name;
  throw new BanyanError('invalid-query', `MongoDB cannot look for a member named "${name}".`);
}

const DOCUMENT: ColumnSpec = { name: '', type: 'json', list: false, nullable: true };

function json(value: Value): unknown {
  const written = nativeValue(value, DOCUMENT);
  return 'native' in written ? written.native : value;
}

function isNumber(value: Value): value is number {
  return typeof value === 'number' || isExactNumber(value);
}

function check(value: Value, column: ColumnSpec): void {
  const problem = valueProblem(value, column);
  if (problem !== null) throw unfit(column, problem);
}

function unfit({ name }: ColumnSpec, problem: string): BanyanError {
  return new BanyanError('invalid-query', `What "${name}" is compared with ${problem}.`, {
    details: { field: name },
  });
}

export function columnOf(field: string, columns: Columns): ColumnSpec {
  const column = columns.get(field);
  if (column) return column;
  const message = `There is no column "${field}"; there are ${[...columns.keys()].join(', ')}.`;
  throw new BanyanError('invalid-query', message, { details: { field } });
}

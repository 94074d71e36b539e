import type { Caller } from '../domain/callers.ts';
import { BanyanError } from '../domain/errors.ts';
import type { KeyType } from '../domain/model.ts';
import { afterRow, type Condition, type ListQuery, type Operator, type SortBy } from '../domain/query.ts';
import { parseJson, stringifyJson, type PublicRecord, type Value } from '../domain/values.ts';
import { acceptValue } from '../mapping/accept.ts';
import { canonicalId } from '../mapping/ids.ts';
import type { MappedField } from '../mapping/mapping.ts';
import { PublicShape } from '../mapping/public-shape.ts';
import type { BoundResource } from '../replication/resource.ts';
import { conditionOf, tenantOf } from './access.ts';

/** A list as the client asked for it. */
export interface ListRequest {
  query: ListQuery;
  /** How the next page's cursor is made from the last record of this one. */
  cursorAfter: (record: PublicRecord) => string;
  limit: number;
  offset: number | null;
}

const PAGING = ['limit', 'pageSize', 'offset', 'page', 'cursor', 'sort', 'total'] as const;
const OPERATORS: readonly Operator[] = ['eq', 'ne', 'gt', 'gte', 'lt', 'lte', 'in', 'contains'];

const COMPARING: ReadonlySet<string> = new Set<Operator>(['eq', 'gt', 'gte', 'lt', 'lte', 'in']);

export type Parameters = Readonly<Record<string, string | string[] | undefined>>;

/**
 * `?status=active&revenue[gte]=100&siret[null]=true&sort=-createdAt,name&limit=50` with `offset`, `page` or `cursor`.
 * Everything that it does not know is an error that says what it knows: a filter that is silently ignored shows a client
 * records that it did not ask for.
 */
export function readListQuery(
  resource: BoundResource,
  parameters: Parameters,
  caller: Caller,
  shape = new PublicShape(resource.mapping),
): ListRequest {
  const problems: string[] = [];
  // First of all: whatever is asked for, it is asked of the records that the caller sees.
  const within = conditionOf(tenantOf(caller, resource));
  const conditions = [...(within ? [within] : []), ...readFilters(resource, shape, parameters, problems)];
  const sort = readSort(resource, shape, single(parameters, 'sort', problems), problems);
  const limit = readLimit(resource, parameters, problems);
  const offset = readOffset(parameters, limit, problems);
  const cursor = single(parameters, 'cursor', problems);
  if (cursor !== undefined) {
    if (offset !== null) problems.push('cursor and offset (or page) exclude each other');
    const after = readCursor(resource, cursor, sort);
    if (after) conditions.push(afterRow(sort, after, mayBeNull(resource, conditions)));
    else problems.push('cursor is not one of this list with this sort; begin again without it');
  }
  if (problems.length > 0)
    throw new BanyanError('invalid-query', problems.join('; '), { details: { problems } });
  const wantsTotal = single(parameters, 'total', problems) ?? String(offset !== null);
  return {
    // One more than asked for tells whether there is a next page.
    query: {
      where: conditions.length > 1 ? { and: conditions } : (conditions[0] ?? null),
      sort,
      limit: limit + 1,
      offset: offset ?? 0,
      total: wantsTotal === 'true',
    },
    cursorAfter: (record) => writeCursor(sort, record),
    limit,
    offset,
  };
}

/** The legacy table may hold nulls that the model knows nothing of, but not in a key, nor where a filter keeps them out. */
function mayBeNull({ mapping }: BoundResource, conditions: readonly Condition[]): (field: string) => boolean {
  const compared = new Set(
    conditions.flatMap((condition) =>
      'field' in condition && COMPARING.has(condition.op) ? [condition.field] : [],
    ),
  );
  return (field) => !mapping.isKeyField(field) && !compared.has(field);
}

export function single(parameters: Parameters, name: string, problems: string[]): string | undefined {
  const value = parameters[name];
  if (Array.isArray(value)) problems.push(`${name} was given ${value.length} times`);
  return Array.isArray(value) ? value[0] : value;
}

/** `others`: parameters that are no filters. */
export function readFilters(
  resource: BoundResource,
  shape: PublicShape,
  parameters: Parameters,
  problems: string[],
  others: readonly string[] = PAGING,
): Condition[] {
  const allowed = resource.settings.query.filters;
  const conditions: Condition[] = [];
  for (const [name, given] of Object.entries(parameters)) {
    if (others.includes(name) || given === undefined) continue;
    const [, field = name, op = 'eq'] = /^([^[\]]+)\[([a-z]+)\]$/.exec(name) ?? [];
    const mapped = shape.fields.get(field);
    if (!mapped || !allowed.includes(mapped.name)) {
      problems.push(
        `"${field}" is not a filter of ${resource.name}; filters: ${namesOf(shape, allowed).join(', ') || 'none'}`,
      );
      continue;
    }
    for (const text of Array.isArray(given) ? given : [given]) {
      const condition = readCondition(mapped, op, text);
      if (typeof condition === 'string') problems.push(`${name}: ${condition}`);
      else conditions.push(condition);
    }
  }
  return conditions;
}

/** A condition, or what is wrong with it. */
function readCondition(field: MappedField, op: string, text: string): Condition | string {
  if (op === 'null') {
    if (text !== 'true' && text !== 'false') return `"${text}" is neither true nor false`;
    return { field: field.name, op, value: text === 'true' };
  }
  if (!OPERATORS.includes(op as Operator))
    return `unknown operator "${op}"; operators: ${OPERATORS.join(', ')}, null`;
  if (field.list || field.type === 'json') return 'a list or document can only be asked whether it is null';
  if (op === 'contains') {
    if (field.type !== 'text') return 'only a text can be asked what it contains';
    return text.includes('\u0000') ? 'no text contains U+0000' : { field: field.name, op, value: text };
  }
  if (op === 'in') {
    const values = text.split(',').map((part) => filterValue(field, part));
    const wrong = values.find((value) => typeof value === 'object' && value !== null && 'problem' in value);
    return wrong
      ? (wrong as { problem: string }).problem
      : { field: field.name, op, value: values as Value[] };
  }
  const value = filterValue(field, text);
  if (typeof value === 'object' && value !== null && 'problem' in value)
    return (value as { problem: string }).problem;
  return { field: field.name, op: op as Exclude<Operator, 'in'>, value: value as Value };
}

function filterValue(field: MappedField, text: string): Value | { problem: string } {
  const plain = { ...field, as: 'number' as const, maxLength: null, precision: null };
  const given = field.type === 'boolean' ? ({ true: true, false: false }[text] ?? text) : text;
  const result = acceptValue(plain, field.type === 'float' ? floatOr(text) : given);
  return 'problem' in result ? result : result.value;
}

const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d{1,3})?$/i;

/** The number that a text is, or the text, which then is refused: `Number('')` would be 0, and `Number('x')` no value. */
function floatOr(text: string): Value {
  const value = NUMBER.test(text) ? Number(text) : NaN;
  return Number.isFinite(value) ? value : text;
}

/** The names under which a client knows these fields. */
export function namesOf(shape: PublicShape, fields: readonly string[]): string[] {
  return fields.flatMap((field) => shape.nameOf(field) ?? []);
}

function readSort(
  resource: BoundResource,
  shape: PublicShape,
  text: string | undefined,
  problems: string[],
): SortBy[] {
  const { sort: allowed, defaultSort } = resource.settings.query;
  const keyFields = resource.mapping.keys.map(({ name }) => name);
  const sort: SortBy[] = [];
  for (const part of (text ?? defaultSort ?? keyFields.join(',')).split(',')) {
    const name = part.replace(/^[-+]/, '');
    const field = text === undefined ? name : (shape.fields.get(name)?.name ?? '');
    if (!keyFields.includes(field) && !allowed.includes(field)) {
      const known = namesOf(shape, [...keyFields, ...allowed]);
      problems.push(`cannot sort by "${name}"; sort fields: ${known.join(', ')}`);
    } else if (!sort.some((by) => by.field === field)) {
      sort.push({ field, descending: part.startsWith('-') });
    }
  }
  // The key makes the order total: pages never share or miss a record because of ties.
  const missing = keyFields.filter((field) => !sort.some((by) => by.field === field));
  sort.push(...missing.map((field) => ({ field, descending: false })));
  return sort;
}

function readLimit(resource: BoundResource, parameters: Parameters, problems: string[]): number {
  const { pageSize, maxPageSize } = resource.settings.query;
  const text = single(parameters, 'limit', problems) ?? single(parameters, 'pageSize', problems);
  return readCount('limit', text, { from: 1, to: maxPageSize, otherwise: pageSize }, problems);
}

function readOffset(parameters: Parameters, limit: number, problems: string[]): number | null {
  const offset = single(parameters, 'offset', problems);
  const page = single(parameters, 'page', problems);
  if (offset !== undefined && page !== undefined) problems.push('offset and page exclude each other');
  const far = Number.MAX_SAFE_INTEGER;
  if (offset !== undefined) return readCount('offset', offset, { from: 0, to: far, otherwise: 0 }, problems);
  if (page === undefined) return null;
  return (readCount('page', page, { from: 1, to: 1e9, otherwise: 1 }, problems) - 1) * limit;
}

function readCount(
  name: string,
  text: string | undefined,
  range: { from: number; to: number; otherwise: number },
  problems: string[],
): number {
  if (text === undefined) return range.otherwise;
  const count = Number(text);
  if (/^\d+$/.test(text) && count >= range.from && count <= range.to) return count;
  problems.push(`${name} is "${text}"; it must be a whole number from ${range.from} to ${range.to}`);
  return range.otherwise;
}

function sortText(sort: readonly SortBy[]): string {
  return sort.map(({ field, descending }) => (descending ? '-' : '') + field).join(',');
}

function writeCursor(sort: readonly SortBy[], record: PublicRecord): string {
  const values = sort.map(({ field }) => record[field] ?? null);
  return Buffer.from(stringifyJson([sortText(sort), ...values])).toString('base64url');
}

function readCursor(resource: BoundResource, cursor: string, sort: readonly SortBy[]): Value[] | null {
  try {
    const parsed = parseJson(Buffer.from(cursor, 'base64url').toString());
    if (!Array.isArray(parsed) || parsed[0] !== sortText(sort) || parsed.length !== sort.length + 1)
      return null;
    const values = parsed.slice(1);
    const fits = sort.every(({ field }, index) => {
      const mapped = resource.mapping.field(field);
      const value = values[index] ?? null;
      // The page may have ended at an id that has no public form.
      const forms: KeyType[] = mapped?.ids ? Object.values(mapped.ids) : [];
      const isId = typeof value === 'string' && forms.some((form) => canonicalId(form, value) === value);
      return (
        isId ||
        (mapped &&
          'value' in acceptValue({ ...mapped, nullable: true, maxLength: null, precision: null }, value))
      );
    });
    return fits ? values : null;
  } catch {
    return null;
  }
}

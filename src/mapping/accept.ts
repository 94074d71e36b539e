import { partText, partValue } from '../domain/keys.ts';
import type { ValueType } from '../domain/model.ts';
import {
  canonicalDecimal,
  canonicalTimestamp,
  exactNumber,
  isExactNumber,
  numberText,
  type PublicRecord,
  type Value,
} from '../domain/values.ts';
import type { Key } from '../domain/words.ts';
import { isMembers } from './children.ts';
import { idIn, isOneForm, type IdForms } from './ids.ts';
import type { ChildFields } from './field.ts';
import type { MappedField, Mapping } from './mapping.ts';

/** What is wrong with one field of a request's body. */
export interface FieldProblem {
  field: string;
  message: string;
}

export type Accepted = { ok: true; record: PublicRecord } | { ok: false; problems: FieldProblem[] };

/** How a body is to be read: all fields (`create`, `replace`) or some (`change`). */
export type BodyRole = 'create' | 'replace' | 'change';

/**
 * Reads a request's body against the model: unknown fields, wrong types and missing fields are named, all at once, and
 * what the database demands (NOT NULL, length, digits, enum) is demanded here already (E6). Values become canonical.
 */
export function acceptRecord(mapping: Mapping, body: Value, role: BodyRole): Accepted {
  if (typeof body !== 'object' || body === null || Array.isArray(body) || isExactNumber(body)) {
    return { ok: false, problems: [{ field: '', message: 'the body must be one JSON object' }] };
  }
  const problems: FieldProblem[] = [];
  const record: PublicRecord = {};
  for (const name of Object.keys(body)) {
    const field = mapping.field(name);
    if (!field) problems.push({ field: name, message: unknownField(name, mapping) });
    else readField(field, body[name] as Value, record, problems);
  }
  if (role !== 'change') requireFields(mapping, record, role, problems);
  return problems.length > 0 ? { ok: false, problems } : { ok: true, record };
}

function readField(field: MappedField, value: Value, record: PublicRecord, problems: FieldProblem[]): void {
  const result = acceptValue(field, value);
  if ('problem' in result) problems.push({ field: field.name, message: result.problem });
  else record[field.name] = result.value;
}

function requireFields(
  mapping: Mapping,
  record: PublicRecord,
  role: BodyRole,
  problems: FieldProblem[],
): void {
  const named = new Set(problems.map(({ field }) => field));
  for (const field of mapping.fields) {
    if (
      record[field.name] !== undefined ||
      field.touched ||
      field.owned ||
      isMadeByGateway(mapping, field, role)
    )
      continue;
    if (field.nullable) {
      // A replacement sets what it does not name; a create leaves it to the store.
      if (role === 'replace') record[field.name] = null;
    } else if (!field.hasDefault && !named.has(field.name)) {
      problems.push({ field: field.name, message: `is required (${describe(field)})` });
    }
  }
}

/** A key that a create leaves out is made for it; of a composite one, no part is. In a replacement the path has it. */
function isMadeByGateway(mapping: Mapping, field: MappedField, role: BodyRole): boolean {
  return mapping.isKeyField(field.name) && (role === 'replace' || mapping.keys.length === 1);
}

function unknownField(name: string, mapping: Mapping): string {
  const wanted = name.toLowerCase().replaceAll('_', '');
  const near = mapping.fields.find((field) => field.name.toLowerCase() === wanted);
  const known = mapping.fields.map((field) => field.name).join(', ');
  return near ? `is not a field; did you mean "${near.name}"?` : `is not a field; the fields are ${known}`;
}

type Result = { value: Value } | { problem: string };

/** One value of a field, canonical, or what is wrong with it. */
export function acceptValue(field: MappedField, value: Value): Result {
  if (field.children) return acceptChildren(field.children, value);
  if (value === null)
    return field.nullable ? { value } : { problem: `must not be null (${describe(field)})` };
  if (!field.list) return acceptScalar(field, value);
  if (!Array.isArray(value)) return { problem: `must be an array (${describe(field)})` };
  const items: Value[] = [];
  for (const [index, item] of value.entries()) {
    const result = item === null ? { problem: 'must not be null' } : acceptScalar(field, item);
    if ('problem' in result) return { problem: `item ${index}: ${result.problem}` };
    items.push(result.value);
  }
  return { value: items };
}

/** The documents of an array, each with every field of a child. */
function acceptChildren({ fields }: ChildFields, value: Value): Result {
  if (!Array.isArray(value)) return { problem: 'must be an array of objects' };
  const children: Value[] = [];
  for (const [index, child] of value.entries()) {
    if (!isMembers(child)) return { problem: `item ${index}: must be an object` };
    const unknown = Object.keys(child).find((name) => !fields.some((field) => field.name === name));
    if (unknown !== undefined) return { problem: `item ${index}: "${unknown}" is not a field` };
    const read: PublicRecord = {};
    for (const field of fields) {
      const result = acceptValue(field, child[field.name] ?? null);
      if ('problem' in result) return { problem: `item ${index}: ${field.name} ${result.problem}` };
      read[field.name] = result.value;
    }
    children.push(read);
  }
  return { value: children };
}

function acceptScalar(field: MappedField, value: Value): Result {
  const problem = { problem: `must be ${describe(field)}` };
  const read = field.ids && !isOneForm(field.ids) ? acceptId(field.ids, value) : READERS[field.type](value);
  if (read === undefined) return problem;
  if (typeof read === 'string') {
    if (read.includes('\u0000'))
      return { problem: 'must not contain the character U+0000, which Postgres cannot hold' };
    if (field.maxLength !== null && [...read].length > field.maxLength) return problem;
    if (field.values && !field.values.includes(read)) return problem;
  }
  if (field.precision && !fits(numberText(read as number), field.precision)) return problem;
  return { value: field.as === 'string' && field.type !== 'text' ? textIfNumber(read) : read };
}

/** An id in any of its forms: clients may still have the one of the other side. */
function acceptId(forms: IdForms, value: Value): Value | undefined {
  const id = idIn('public', forms, partText(value));
  return id === null ? undefined : partValue(forms.public, id);
}

function textIfNumber(value: Value): Value {
  return typeof value === 'number' || isExactNumber(value) ? numberText(value) : value;
}

function fits(text: string, { digits, scale }: { digits: number; scale: number }): boolean {
  return (text.replace(/^-/, '').split('.')[0] ?? '').replace(/^0/, '').length <= digits - scale;
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const OBJECT_ID = /^[0-9a-f]{24}$/i;
const DATE = /^\d{4}-\d\d-\d\d$/;
const TIME = /^([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d{1,6})?)?$/;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
const INTEGER = /^-?\d{1,19}$/;

function number(value: Value): Value | undefined {
  if (typeof value === 'number' || isExactNumber(value)) return value;
  if (typeof value !== 'string' || value.trim() === '') return undefined;
  try {
    return exactNumber(canonicalDecimal(value));
  } catch {
    return undefined;
  }
}

function integer(bits: 31n | 63n): (value: Value) => Value | undefined {
  return (value) => {
    const read = number(value);
    if (read === undefined || !INTEGER.test(numberText(read as number))) return undefined;
    const whole = BigInt(numberText(read as number));
    return whole >= -(2n ** bits) && whole < 2n ** bits ? read : undefined;
  };
}

const matching =
  (pattern: RegExp, change = (text: string) => text) =>
  (value: Value) =>
    typeof value === 'string' && pattern.test(value) ? change(value) : undefined;
const text = (value: Value) => (typeof value === 'string' ? value : undefined);

/** Before the year 1 Postgres counts BC, and has no year 0. */
function moment(value: string): string | undefined {
  const canonical = canonicalTimestamp(value);
  return canonical === null || canonical.startsWith('0000-') ? undefined : canonical;
}

/** One row per type: the canonical value, or undefined. */
const READERS: Readonly<Record<ValueType, (value: Value) => Value | undefined>> = {
  text,
  enum: text,
  uuid: matching(UUID, (value) => value.toLowerCase()),
  objectid: matching(OBJECT_ID, (value) => value.toLowerCase()),
  int: integer(31n),
  bigint: integer(63n),
  decimal: number,
  float: (value) => (typeof value === 'number' ? value : undefined),
  boolean: (value) => (typeof value === 'boolean' ? value : undefined),
  timestamp: (value) => (typeof value === 'string' ? moment(value) : undefined),
  date: (value) =>
    typeof value === 'string' && DATE.test(value) && moment(`${value}T00:00:00Z`) ? value : undefined,
  time: matching(TIME),
  json: (value) => (holdsNul(value) ? undefined : value),
  bytes: matching(BASE64),
};

function holdsNul(value: Value): boolean {
  if (typeof value === 'string') return value.includes('\u0000');
  if (typeof value !== 'object' || value === null || isExactNumber(value)) return false;
  return Object.entries(value).some(([name, item]) => name.includes('\u0000') || holdsNul(item));
}

const NAMES: Readonly<Record<ValueType, string>> = {
  text: 'text',
  enum: 'one of its values',
  uuid: 'a UUID',
  objectid: 'an ObjectId of 24 hexadecimal digits',
  int: 'an integer of 32 bits',
  bigint: 'an integer of 64 bits',
  decimal: 'a decimal number',
  float: 'a number',
  boolean: 'true or false',
  timestamp: 'a timestamp such as 2026-01-02T03:04:05.678Z',
  date: 'a date such as 2026-01-02',
  time: 'a time such as 03:04:05',
  json: 'JSON without the character U+0000',
  bytes: 'base64 text',
};

/** A field's type in words, e.g. `text of at most 14 characters`. */
export function describe(field: MappedField): string {
  const limits = [
    field.maxLength === null ? '' : ` of at most ${field.maxLength} characters`,
    field.values ? `: ${field.values.join(', ')}` : '',
    field.precision
      ? ` with at most ${field.precision.digits - field.precision.scale} digits before the point`
      : '',
  ].join('');
  return `${NAMES[field.type]}${limits}`;
}

/** A key from a path, in any form that its ids have; null where it fits none. */
export function acceptKey(mapping: Mapping, text: string): Key | null {
  return mapping.ids.fromPath(text);
}

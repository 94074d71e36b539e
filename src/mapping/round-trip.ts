import { BanyanError } from '../domain/errors.ts';
import { misfitsOf, misfitText, retypedOf, type Misfit } from '../domain/misfits.ts';
import type { ValueType } from '../domain/model.ts';
import {
  isExactNumber,
  numberText,
  sameValue,
  stringifyJson,
  type Row,
  type Value,
} from '../domain/values.ts';
import { acceptValue } from './accept.ts';
import { isMembers } from './children.ts';
import type { ChildFields, MappedField } from './field.ts';
import { REST, type Mapping } from './mapping.ts';

/**
 * What happens to a value on the way from legacy to new and back: `lost`, it does not fit there or comes back as another
 * one; `reformed`, it comes back in another form that means the same, e.g. a missing field as null.
 */
export interface Finding {
  /** Public field, or a legacy column that no field names. */
  field: string;
  severity: 'lost' | 'reformed';
  /** What is wrong in general, e.g. `too long`: findings are counted by it. */
  problem: string;
  /** This value, in words. */
  detail: string;
}

const lost = (field: string, problem: string, detail: string): Finding => ({
  field,
  severity: 'lost',
  problem,
  detail,
});

/** Sends one legacy row to the new form and back, as a move there and a rollback would, and says what does not return. */
export function roundTrip(mapping: Mapping, row: Row, leftBehind: readonly string[] = []): Finding[] {
  const unknown = leftBehind
    .filter((name) => row[name] !== undefined && row[name] !== null)
    .map((name) => lost(name, 'no field names it', `holds ${shown(row[name] as Value)}`));
  return [...unknown, ...travel(mapping, row)];
}

function travel(mapping: Mapping, row: Row): Finding[] {
  const found: Finding[] = [];
  const isNew = ({ field }: Finding) => !found.some((other) => topOf(other.field) === topOf(field));
  try {
    const record = mapping.toRecord('legacy', row);
    found.push(...mapping.fields.flatMap((field) => misfit(field, record[field.name] ?? null)));
    // What the store itself says does not fit, where nothing more exact is known.
    const misfits = misfitsOf(row).map((one) =>
      lost(fieldOfColumn(mapping, one.column), 'another type', misfitText(one)),
    );
    found.push(...misfits.filter(isNew));
    const back = mapping.toRecord('new', mapping.toRow('new', record));
    const changed = mapping.fields
      .filter(({ name }) => !sameValue(record[name], back[name]))
      .map(({ name }) => lost(name, 'another value', became(record[name], back[name])));
    found.push(...changed.filter(isNew));
    const returned = mapping.toRow('legacy', back);
    found.push(...columnsChanged(mapping, row, returned).filter(isNew));
    found.push(
      ...retypedOf(row)
        .map((one) => retyped(mapping, one))
        .filter(isNew),
    );
  } catch (error) {
    if (!(error instanceof BanyanError)) throw error;
    const field = (error.details as { field?: string } | undefined)?.field ?? '(record)';
    found.push(...[lost(field, PROBLEMS[error.code] ?? error.code, error.message)].filter(isNew));
  }
  return found;
}

function retyped(mapping: Mapping, { column, found, expected }: Misfit): Finding {
  return {
    field: fieldOfColumn(mapping, column),
    severity: 'reformed',
    problem: 'another type of the store',
    detail: `a ${found} comes back as a ${expected}; fields.types with legacy: float keeps doubles`,
  };
}

/** The record's own field of a child's. */
function topOf(field: string): string {
  return field.split('.')[0] as string;
}

const PROBLEMS: Readonly<Record<string, string>> = {
  'id-untranslatable': 'an id without a form on the other side',
  'mapping-failed': 'the module of "custom" failed',
  'validation-failed': 'does not fit',
};

/** Columns of legacy that come back otherwise than they were. */
function columnsChanged(mapping: Mapping, row: Row, returned: Row): Finding[] {
  const again = mapping.toRecord('legacy', returned);
  const record = mapping.toRecord('legacy', row);
  return mapping.tables.legacy.columns.flatMap(({ name: column }) => {
    if (
      sameValue(row[column], returned[column]) ||
      (row[column] === undefined && returned[column] === undefined)
    )
      return [];
    const field = fieldOfColumn(mapping, column);
    const detail = became(row[column], returned[column]);
    const public_ = mapping.field(field);
    const same = public_
      ? sameValue(record[field], again[field]) &&
        !(public_.children && hasLess(row[column], returned[column]))
      : row[column] === undefined || !mapping.isConstant(column);
    return [
      same
        ? { field, severity: 'reformed' as const, problem: 'another form', detail }
        : lost(field, 'another value', detail),
    ];
  });
}

/** Whether documents come back without a member that they had. */
function hasLess(before: Value | undefined, after: Value | undefined): boolean {
  if (before === null || before === undefined) return false;
  if (Array.isArray(before))
    return !Array.isArray(after) || before.some((item, index) => hasLess(item, after[index]));
  if (!isMembers(before)) return false;
  return Object.entries(before).some(
    ([name, value]) => value !== null && (!isMembers(after) || !Object.hasOwn(after, name)),
  );
}

function fieldOfColumn(mapping: Mapping, column: string): string {
  return mapping.fields.find(({ columns }) => columns.legacy === column)?.name ?? column;
}

/** What keeps a value out of the new side's column. */
function misfit(field: MappedField, value: Value): Finding[] {
  if (field.children) return childMisfits(field.children, value);
  if (holdsAnyway(field, value)) return [];
  const accepted = acceptValue(field, value);
  if ('problem' in accepted)
    return [lost(field.name, problemOf(field, value), `${shown(value)} ${accepted.problem}`)];
  const scale = field.precision?.scale;
  const digits = Math.max(0, ...numbersIn(field, value).map((text) => text.split('.')[1]?.length ?? 0));
  if (scale === undefined || digits <= scale) return [];
  return [
    lost(field.name, 'too many digits', `${shown(value)} has ${digits} digits after the point; ${scale} fit`),
  ];
}

const NUMBERS: readonly ValueType[] = ['int', 'bigint', 'decimal', 'float'];

/** The decimal texts of a number, or of a list of them; a number may stand as text in the public record. */
function numbersIn(field: MappedField, value: Value): string[] {
  if (!NUMBERS.includes(field.type)) return [];
  if (Array.isArray(value)) return value.flatMap((item) => numbersIn(field, item));
  if (typeof value === 'number' || isExactNumber(value)) return [numberText(value)];
  return field.as === 'string' && typeof value === 'string' ? [value] : [];
}

function childMisfits({ name, fields }: ChildFields, value: Value): Finding[] {
  if (!Array.isArray(value)) return [lost(name, 'another type', `${shown(value)} is no array`)];
  return value.flatMap((child) => {
    if (!isMembers(child)) return [lost(name, 'another type', `${shown(child)} is no object`)];
    const found = fields.flatMap((field) => misfit(field, child[field.name] ?? null));
    return found.map((finding) => ({ ...finding, field: `${name}.${finding.field}` }));
  });
}

/** Values that no client may send, but that both databases hold. */
function holdsAnyway({ type, list }: MappedField, value: Value): boolean {
  if (list || typeof value !== 'string') return false;
  if (type === 'decimal' || type === 'float') return /^(NaN|-?Infinity)$/.test(value);
  return type === 'time' && /^\d\d:\d\d(:\d\d(\.\d{1,6})?)?([+-]\d\d(:\d\d)?)?$/.test(value);
}

function problemOf(field: MappedField, value: Value): string {
  if (value === null) return 'null where the new side takes none';
  if (typeof value === 'string') {
    if (value.includes('\u0000')) return 'the character U+0000';
    if (!value.isWellFormed()) return 'half a surrogate pair';
    if (field.values) return 'an unknown value';
    if (field.maxLength !== null && [...value].length > field.maxLength) return 'too long';
  }
  if (field.ids) return 'an id of another form';
  return numbersIn(field, value).length > 0 ? 'out of range' : 'another type';
}

function became(from: Value | undefined, to: Value | undefined): string {
  return `${shown(from)} comes back as ${shown(to)}`;
}

/** Long values are cut: a report is for people. */
const SHOWN = 120;

export function shown(value: Value | undefined): string {
  if (value === undefined) return 'a missing field';
  const text = stringifyJson(value);
  return text.length <= SHOWN ? text : `${text.slice(0, SHOWN)}…`;
}

/** Fields of a document that no column names, where a table was made to show them. */
export function unnamedFields(row: Row): Row {
  const rest = row[REST];
  return typeof rest === 'object' && rest !== null && !Array.isArray(rest) && !isExactNumber(rest)
    ? rest
    : {};
}

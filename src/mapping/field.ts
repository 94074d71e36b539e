import type { FieldSettings } from '../domain/configuration.ts';
import { BanyanError } from '../domain/errors.ts';
import type { ColumnSpec, FieldSpec, KeyType, ValueType } from '../domain/model.ts';
import type { Value } from '../domain/values.ts';
import type { Side } from '../domain/words.ts';
import {
  compose,
  conversionCodec,
  defaultCodec,
  enumCodec,
  idCodec,
  NULL_IS_MISSING,
  NUMBERS_AS_TEXT,
  restCodec,
  type Codec,
} from './codecs.ts';
import { conversionOf } from './conversions.ts';
import { isOneForm, type IdForms } from './ids.ts';
import { columnName } from './naming.ts';

/** Where a row of a legacy document has the fields that no other field names. */
export const REST = '*';

/** A public field and where each side holds it. */
export interface MappedField extends FieldSpec {
  /** Its column on either side; null: the side holds it in another way (`custom`). */
  columns: Record<Side, string | null>;
  /** Type of that column. */
  types: Record<Side, ValueType>;
  /** How a number stands in the public JSON. */
  as: 'number' | 'string';
  /** Forms of the ids that it holds: the record's own, or those of a resource that it refers to; null: it holds none. */
  ids: IdForms | null;
  /** What differs between the public value and the column's; null: nothing. */
  codecs: Record<Side, Codec | null>;
  /** What stands for a missing or null value, else null. */
  standard: Value;
  /** As `codecs`, but for the default: what the column holds where the value is written out. */
  explicit: Record<Side, Codec | null>;
  /** Whether the order of its values is the same on both sides, and equality all that can be asked otherwise. */
  ordered: boolean;
  /** What the documents of the array are, where the new side has a table for them. */
  children?: ChildFields;
}

/** The documents of an array that has a table of its own on the new side. */
export interface ChildFields {
  /** Public name of the array. */
  name: string;
  /** The public fields of each document. */
  fields: readonly MappedField[];
}

/** The types of a column that holds ids of a form. */
const ID_TYPES: Readonly<Record<KeyType, ValueType>> = {
  uuid: 'uuid',
  objectid: 'objectid',
  int: 'bigint',
  text: 'text',
};

/** What is declared of a field outside of its own settings. */
export interface FieldContext {
  /** The legacy column of a key field. */
  legacyKey: string | undefined;
  ids: IdForms | null;
}

export function mapField(field: FieldSpec, context: FieldContext, settings: FieldSettings): MappedField {
  const declared = settings.types[field.name];
  const ids = context.ids && !isOneForm(context.ids) ? context.ids : null;
  const type = declared?.type ?? idType(field.type, ids, 'public');
  const types = {
    legacy: declared?.legacy ?? codeType(settings.enums[field.name]) ?? idType(type, ids, 'legacy'),
    new: field.type,
  };
  const as = declared?.as ?? 'number';
  const values = settings.enums[field.name];
  const mapped = {
    ...field,
    type,
    types,
    as,
    ids: context.ids,
    values: values ? Object.keys(values) : field.values,
  };
  return {
    ...mapped,
    columns: { legacy: legacyColumn(field, context, settings), new: field.column },
    codecs: bothSides((side) => codecOf(side, mapped, settings, settings.defaults[field.name])),
    standard: settings.defaults[field.name]?.value ?? null,
    explicit: bothSides((side) => codecOf(side, mapped, settings, undefined)),
    ordered: !values && !settings.defaults[field.name] && (ids !== null || isOrderKept(types)),
  };
}

/** Legacy's codes of an enumeration may all be numbers: a store that checks takes no text for them, and no number for text. */
function codeType(values: FieldSettings['enums'][string] | undefined): ValueType | null {
  const codes = Object.values(values ?? {});
  if (codes.length === 0 || !codes.every((code) => typeof code === 'number')) return null;
  return codes.every(Number.isSafeInteger) ? 'bigint' : 'decimal';
}

const NUMBERS: readonly ValueType[] = ['int', 'bigint', 'decimal', 'float'];

function isOrderKept({ legacy, new: next }: Record<Side, ValueType>): boolean {
  return legacy === next || (NUMBERS.includes(legacy) && NUMBERS.includes(next));
}

function idType(type: ValueType, ids: IdForms | null, where: keyof IdForms): ValueType {
  if (!ids) return type;
  // An integer id keeps the width that the model gives it.
  return ids[where] === 'int' && type === 'int' ? 'int' : ID_TYPES[ids[where]];
}

/** Where the legacy side holds a field: inside a document, under another name, or under the name that `case` makes. */
function legacyColumn(
  { name }: FieldSpec,
  { legacyKey }: FieldContext,
  { custom, embed, rename, case: style }: FieldSettings,
): string | null {
  if (custom.some(({ fields }) => fields.includes(name))) return null;
  const [path, members] = Object.entries(embed).find(([, fields]) => Object.hasOwn(fields, name)) ?? [];
  if (path !== undefined && members) return `${path}.${members[name]}`;
  return rename[name] ?? legacyKey ?? columnName(name, style);
}

type Mapped = Pick<MappedField, 'name' | 'type' | 'types' | 'as' | 'ids' | 'list'>;

function bothSides<T>(of: (side: Side) => T): Record<Side, T> {
  return { legacy: of('legacy'), new: of('new') };
}

function codecOf(
  side: Side,
  field: Mapped,
  settings: FieldSettings,
  standard: FieldSettings['defaults'][string] | undefined,
): Codec | null {
  if (field.name === settings.rest) return restCodec(side);
  const values = side === 'legacy' ? settings.enums[field.name] : undefined;
  return compose([
    field.as === 'string' ? NUMBERS_AS_TEXT : null,
    standard ? defaultCodec(side, standard) : null,
    field.ids ? idCodec(side, field.ids, field.name) : null,
    values ? enumCodec(values) : null,
    field.ids || values ? null : conversion(side, field),
    side === 'legacy' && settings.nulls === 'missing' ? NULL_IS_MISSING : null,
  ]);
}

function conversion(side: Side, { name, type, types, list }: Mapped): Codec | null {
  if (type === types[side]) return null;
  const found = conversionOf(type, types[side]);
  if (found) return conversionCodec(found, list);
  throw new BanyanError(
    'config-invalid',
    `field ${name}: a ${type} cannot stand in a ${side} column of type ${types[side]}; use "custom"`,
  );
}

/** The column of a field as a side's store is told of it; null where the side holds it in another way. */
export function columnSpec(side: Side, field: MappedField): ColumnSpec | null {
  const name = field.columns[side];
  if (name === null || (side === 'new' && field.children)) return null;
  return { name, type: field.types[side], list: field.list, nullable: field.nullable };
}

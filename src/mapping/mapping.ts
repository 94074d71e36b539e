import { createHash } from 'node:crypto';
import type { FieldSettings } from '../domain/configuration.ts';
import { BanyanError } from '../domain/errors.ts';
import { partText, type KeyPart } from '../domain/keys.ts';
import type { ChildTable, ColumnSpec, KeyType, ModelSpec, ValueType } from '../domain/model.ts';
import { misfitsOf, noteMisfits } from '../domain/misfits.ts';
import { compareValues } from '../domain/order.ts';
import type { Condition, SortBy } from '../domain/query.ts';
import { isExactNumber, type PublicRecord, type Row, type Value } from '../domain/values.ts';
import type { Key, Side } from '../domain/words.ts';
import { noteBroken, refuseBroken } from './broken.ts';
import { Children, childrenField } from './children.ts';
import { conditionOn, sortOn } from './conditions.ts';
import { CustomGroup, type CustomModule } from './custom.ts';
import { columnSpec, mapField, REST, type MappedField } from './field.ts';
import { compareIds } from './id-order.ts';
import { isOneForm, newId, type IdForms } from './ids.ts';
import { columnName } from './naming.ts';
import { RecordKeys } from './record-keys.ts';
import { NO_FIELD_SETTINGS } from './settings.ts';

export { REST, type MappedField } from './field.ts';
export { NO_FIELD_SETTINGS } from './settings.ts';

/** A table as a side holds it, in the words of the store contract. */
export interface MappedTable {
  name: string;
  keys: KeyPart[];
  key: string;
  keyType: KeyType;
  columns: ColumnSpec[];
  rest?: string;
  children?: ChildTable[];
  softDelete?: string;
}

/** What a mapping is made of beside its resource's own settings. */
export interface MappingContext {
  /** Forms of the record's own id; left out: those of the model everywhere. Not for composite keys. */
  ids?: IdForms;
  /** Forms of the ids of other resources, by the field that holds them. */
  references?: ReadonlyMap<string, IdForms>;
  /** Models of child tables by name, and the forms of the ids that children hold, by `field.childField`. */
  models?: ReadonlyMap<string, ModelSpec>;
  /** Modules of `fields.custom`, in its order. */
  modules?: readonly CustomModule[];
}

/**
 * The pure translation between a resource's public records and the rows of both sides. Declared, not coded: names by
 * case and rename, types from the model, ids by their forms. Neither direction loses a value (test/mapping, property
 * tests).
 */
export class Mapping {
  /** The public fields of the key; one unless it is composite. */
  readonly keys: readonly KeyPart[];
  /** The first of them, which is the whole key unless it is composite. */
  readonly keyField: string;
  /** Translates keys between the public record, the text above the stores and the form of either side. */
  readonly ids: RecordKeys;
  /** Whether only a store can draw the key, or a part of it. */
  readonly keyFromSequence: boolean;
  /** Whether ids are integers in legacy, which draws them, and of another form on the new side, which cannot. */
  readonly drawnForNew: boolean;
  readonly fields: readonly MappedField[];
  readonly tables: Record<Side, MappedTable>;
  /** The same text for the same mapping: what was proved of one holds for the other. */
  readonly fingerprint: string;
  private readonly byName: Map<string, MappedField>;
  private readonly constants: Record<Side, Row>;
  private readonly groups: readonly CustomGroup[];

  /** `key`: the legacy table's key columns, in the order of the model's key; a composite key without them goes by `case`. */
  constructor(
    model: ModelSpec,
    legacyTable: { name: string; key: string | readonly string[] },
    declared: Partial<FieldSettings>,
    context: MappingContext = {},
  ) {
    const settings = { ...NO_FIELD_SETTINGS, ...declared };
    const formsOf = (part: KeyPart): IdForms =>
      (model.keys.length === 1 ? context.ids : context.references?.get(part.name)) ?? sameForms(part.type);
    this.ids = new RecordKeys(model.keys.map((part) => ({ field: part.name, forms: formsOf(part) })));
    this.keys = this.ids.parts.map(({ field, forms }) => ({ name: field, type: forms.public }));
    this.keyField = model.key;
    this.drawnForNew = this.ids.parts.length === 1 && drawsFor(this.ids.parts[0]?.forms);
    this.keyFromSequence = model.keyFromSequence || this.drawnForNew;
    const keyForms = new Map(this.ids.parts.map(({ field, forms }) => [field, forms]));
    const legacyKeys = legacyKeyColumns(model, legacyTable.key);
    const isPublic = ({ name }: { name: string }) => !Object.hasOwn(settings.constants.new, name);
    const children = childrenOf(settings, context);
    const own = model.fields.filter(isPublic).map((field) => {
      const ids = keyForms.get(field.name) ?? context.references?.get(field.name) ?? null;
      const legacyKey = field.name === settings.rest ? REST : legacyKeys.get(field.name);
      return mapField(field, { legacyKey, ids }, settings);
    });
    this.fields = [
      ...own,
      ...children.map((one) =>
        childrenField(one, settings.rename[one.name] ?? columnName(one.name, settings.case)),
      ),
    ];
    this.fingerprint = fingerprintOf(model, legacyTable, settings, context);
    this.byName = new Map(this.fields.map((field) => [field.name, field]));
    this.groups = settings.custom.map((group, index) => new CustomGroup(group, customModule(context, index)));
    this.constants = { legacy: settings.constants.legacy, new: newConstants(model, settings) };
    this.tables = {
      legacy: {
        ...this.table('legacy', legacyTable.name, this.legacyColumns(settings)),
        ...(settings.rest === null ? {} : { rest: REST }),
      },
      new: {
        ...this.table('new', model.table, this.newColumns(model, settings)),
        ...(children.length > 0 ? { children: children.map(({ table }) => table) } : {}),
        ...(model.softDelete === undefined ? {} : { softDelete: model.softDelete }),
      },
    };
  }

  field(name: string): MappedField | undefined {
    return this.byName.get(name);
  }

  /** The canonical key of a record. */
  keyOf(record: PublicRecord): Key {
    return this.ids.of(record);
  }

  /** The key of a record that may lack it, or a part of it: then null. */
  keyGiven(record: PublicRecord): Key | null {
    return this.keys.some(({ name }) => record[name] === undefined) ? null : this.keyOf(record);
  }

  /** A key for a record that has none; null where only a store can draw it, or what it lacks of it (D1). */
  newKey(): Key | null {
    const [part, ...more] = this.ids.parts;
    return this.keyFromSequence || !part || more.length > 0 ? null : newId(part.forms);
  }

  /** The fields of a record that make its key. */
  keyValues(key: Key): PublicRecord {
    return this.ids.publicValues(key);
  }

  isKeyField(name: string): boolean {
    return this.keys.some((part) => part.name === name);
  }

  /** Whether a legacy column only has a declared constant. */
  isConstant(column: string): boolean {
    return Object.hasOwn(this.constants.legacy, column);
  }

  /** The order in which both sides scan their keys. */
  compareKeys(a: Key, b: Key): number {
    return this.ids.compare(a, b);
  }

  /** The order of two values of a field, whichever side they are of. */
  compareValues(name: string, a: Value, b: Value): number {
    const field = this.byName.get(name);
    if (field?.ids && !isOneForm(field.ids) && a !== null && b !== null)
      return compareIds(field.ids, partText(a), partText(b));
    return compareValues(field?.type ?? 'text', a, b);
  }

  /** A record, or some fields of one, as a row of a side. */
  toRow(side: Side, record: PublicRecord): Row {
    const row: Row = { ...this.constants[side] };
    for (const { name, columns, codecs } of this.fields) {
      const value = record[name];
      const column = columns[side];
      if (value === undefined || column === null) continue;
      const codec = codecs[side];
      const held = codec ? codec.toSide(value) : value;
      if (held !== undefined) row[column] = held;
    }
    if (side === 'legacy') for (const group of this.groups) group.write(record, row, this.shownKey(record));
    return row;
  }

  /** A condition on public fields as one on the columns of a side. Fails with invalid-query where the side cannot tell. */
  condition(side: Side, where: Condition): Condition {
    return conditionOn(side, where, (name) => this.byName.get(name));
  }

  /** A sort by public fields as one by the columns of a side. */
  sort(side: Side, by: readonly SortBy[]): SortBy[] {
    return sortOn(side, by, (name) => this.byName.get(name));
  }

  /** A row of a side as a public record with every field of the model; a column that the row lacks is null. */
  toRecord(side: Side, row: Row): PublicRecord {
    const record = this.readRecord(side, row);
    refuseBroken(record);
    return record;
  }

  /** As `toRecord`, but one on which a module of `custom` fails is there as far as it could be made: see broken.ts. */
  readRecord(side: Side, row: Row): PublicRecord {
    const record: PublicRecord = {};
    for (const { name, columns, codecs } of this.fields) {
      const column = columns[side];
      const value = (column === null ? null : row[column]) ?? null;
      const codec = codecs[side];
      record[name] = codec ? codec.fromSide(value) : value;
    }
    if (side === 'legacy') this.readGroups(row, record);
    noteMisfits(record, misfitsOf(row));
    return record;
  }

  /**
   * Public fields that a change needs beside its own, because the side holds them together with those that it names; a
   * side that holds every field by itself needs none.
   */
  heldTogether(side: Side, changes: PublicRecord): string[] {
    if (side === 'new') return [];
    const named = (name: string) => changes[name] !== undefined;
    return this.groups
      .filter(({ fields }) => fields.some(named))
      .flatMap(({ fields }) => fields.filter((name) => !named(name)));
  }

  private readGroups(row: Row, record: PublicRecord): void {
    try {
      for (const group of this.groups) group.read(row, record, this.shownKey(record));
    } catch (error) {
      if (!(error instanceof BanyanError)) throw error;
      noteBroken(record, error);
    }
  }

  private shownKey(record: PublicRecord): string {
    return this.keys.map(({ name }) => partText(record[name])).join('~');
  }

  private table(side: Side, name: string, columns: ColumnSpec[]): MappedTable {
    const keys = this.ids.parts.map(({ field, forms }) => ({
      name: this.byName.get(field)?.columns[side] ?? field,
      type: forms[side],
    }));
    const [{ name: key, type: keyType }] = keys as [KeyPart];
    return { name, keys, key, keyType, columns };
  }

  private legacyColumns({ rest, constants }: FieldSettings): ColumnSpec[] {
    const own = this.fields.filter(({ name }) => name !== rest).map((field) => columnSpec('legacy', field));
    const fixed = Object.entries(constants.legacy).map(([name, value]) => constantColumn(name, value));
    const custom = this.groups.flatMap(({ columns }) => columns);
    return [...own.filter((column) => column !== null), ...custom, ...fixed];
  }

  private newColumns(model: ModelSpec, { constants }: FieldSettings): ColumnSpec[] {
    const hidden = model.fields
      .filter(({ name }) => Object.hasOwn(constants.new, name))
      .map(({ column, type, list, nullable }) => ({ name: column, type, list, nullable }));
    const own = this.fields.map((field) => columnSpec('new', field));
    return [...own.filter((column) => column !== null), ...hidden];
  }
}

function fingerprintOf(
  ...[model, table, settings, context]: Required<ConstructorParameters<typeof Mapping>>
): string {
  const modules = context.modules?.map(({ toNew, toLegacy }) => [String(toNew), String(toLegacy)]);
  const references = [...(context.references ?? [])];
  const children = Object.values(settings.split ?? {}).map((child) => context.models?.get(child.model));
  const whole = JSON.stringify([model, table, settings, context.ids, references, modules, children]);
  return createHash('sha256').update(whole).digest('hex');
}

function childrenOf({ split }: FieldSettings, { models, references }: MappingContext): Children[] {
  return Object.entries(split).map(([name, child]) => {
    const model = models?.get(child.model);
    if (!model)
      throw new BanyanError('config-invalid', `fields.split.${name}: there is no model "${child.model}"`);
    const within = [...(references ?? [])].flatMap(([field, forms]) =>
      field.startsWith(`${name}.`) ? [[field.slice(name.length + 1), forms] as const] : [],
    );
    return new Children(name, child, model, new Map(within));
  });
}

function drawsFor(forms: IdForms | undefined): boolean {
  return forms?.legacy === 'int' && forms.new !== 'int';
}

function sameForms(form: KeyType): IdForms {
  return { public: form, legacy: form, new: form };
}

/** The legacy column of each key field that has one of its own. */
function legacyKeyColumns(model: ModelSpec, columns: string | readonly string[]): Map<string, string> {
  const composite = model.keys.length > 1;
  if (typeof columns === 'string') return new Map(composite ? [] : [[model.key, columns]]);
  return new Map(model.keys.flatMap(({ name }, index) => (columns[index] ? [[name, columns[index]]] : [])));
}

function newConstants({ fields }: ModelSpec, { constants }: FieldSettings): Row {
  const columns = new Map(fields.map(({ name, column }) => [name, column]));
  return Object.fromEntries(
    Object.entries(constants.new).map(([name, value]) => [columns.get(name) ?? name, value]),
  );
}

function customModule({ modules }: MappingContext, index: number): CustomModule {
  const module = modules?.[index];
  if (!module) throw new RangeError(`the module of custom group ${index} was not loaded`);
  return module;
}

/** The type of a legacy column that only has a constant. */
function constantColumn(name: string, value: Value): ColumnSpec {
  return { name, type: constantType(value), list: false, nullable: value === null };
}

function constantType(value: Value): ValueType {
  if (typeof value === 'boolean') return 'boolean';
  if (typeof value === 'number' || isExactNumber(value)) return 'decimal';
  return typeof value === 'object' && value !== null ? 'json' : 'text';
}

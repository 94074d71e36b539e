import type { SplitSettings } from '../domain/configuration.ts';
import { BanyanError } from '../domain/errors.ts';
import { readValue } from '../domain/json-values.ts';
import type { ChildTable, ColumnSpec, ModelSpec } from '../domain/model.ts';
import { isExactNumber, type Row, type Value } from '../domain/values.ts';
import type { Side } from '../domain/words.ts';
import type { Codec } from './codecs.ts';
import { columnSpec, mapField, type MappedField } from './field.ts';
import type { IdForms } from './ids.ts';
import { NO_FIELD_SETTINGS } from './settings.ts';

/**
 * An array of documents inside a legacy record, whose documents are rows of a child table on the new side. The public
 * record keeps the array. Not public are the child's reference to its parent, its place in the array, and a key that the
 * database draws for it.
 */
export class Children {
  readonly name: string;
  /** The public fields of a child. */
  readonly fields: readonly MappedField[];
  readonly table: ChildTable;
  private readonly legacyColumns: ReadonlyMap<string, ColumnSpec>;

  /** `references`: forms of the ids of other resources, by the child's field that holds them. */
  constructor(
    name: string,
    split: SplitSettings,
    model: ModelSpec,
    references: ReadonlyMap<string, IdForms>,
  ) {
    const { parent, order } = split;
    const column = (field: string) => model.fields.find((one) => one.name === field)?.column ?? field;
    const drawn = new Set(model.fields.filter(({ hasDefault }) => hasDefault).map((field) => field.name));
    const hidden = new Set([
      parent,
      order,
      ...model.keys.map((key) => key.name).filter((key) => drawn.has(key)),
    ]);
    const settings = { ...NO_FIELD_SETTINGS, case: split.case, rename: split.rename };
    this.name = name;
    this.fields = model.fields
      .filter((field) => !hidden.has(field.name))
      .map((field) =>
        mapField(field, { legacyKey: undefined, ids: references.get(field.name) ?? null }, settings),
      );
    const list = this.fields.find((field) => field.list);
    if (list)
      throw new BanyanError(
        'config-invalid',
        `fields.split.${name}: ${split.model}.${list.name} is a list, which a child table cannot have`,
      );
    this.legacyColumns = new Map(
      this.fields.map((field) => [field.name, columnSpec('legacy', field) as ColumnSpec]),
    );
    this.table = {
      name,
      table: model.table,
      parent: column(parent),
      order: column(order),
      columns: this.fields.map((field) => columnSpec('new', field) as ColumnSpec),
    };
  }

  /** Between the public array and what a side has in its place: documents, or rows of the child table. */
  codec(side: Side): Codec {
    return {
      toSide: (value) => (Array.isArray(value) ? value.map((child) => this.toSide(side, child)) : value),
      fromSide: (value) =>
        Array.isArray(value) ? value.map((child) => this.fromSide(side, child)) : (value ?? []),
    };
  }

  private toSide(side: Side, child: Value): Value {
    if (!isMembers(child)) return child;
    const row: Row = {};
    for (const { name, columns, codecs } of this.fields) {
      const value = child[name] ?? null;
      const codec = codecs[side];
      const held = codec ? codec.toSide(value) : value;
      if (held !== undefined) row[columns[side] as string] = held;
    }
    return row;
  }

  private fromSide(side: Side, row: Value): Value {
    if (!isMembers(row)) return row;
    const child: Row = {};
    for (const { name, columns, codecs } of this.fields) {
      const held = row[columns[side] as string] ?? null;
      // Inside a document nothing has a type; the store has left it as it was.
      const value = side === 'legacy' ? readValue(held, this.legacyColumns.get(name) as ColumnSpec) : held;
      const codec = codecs[side];
      child[name] = codec ? codec.fromSide(value) : value;
    }
    return child;
  }
}

export function isMembers(value: Value | undefined): value is Row {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !isExactNumber(value);
}

/** The field of a record that holds its children. */
export function childrenField(children: Children, legacyColumn: string): MappedField {
  return {
    name: children.name,
    column: children.name,
    type: 'json',
    list: false,
    nullable: false,
    hasDefault: true,
    touched: false,
    maxLength: null,
    precision: null,
    values: null,
    columns: { legacy: legacyColumn, new: children.name },
    types: { legacy: 'json', new: 'json' },
    as: 'number',
    ids: null,
    codecs: { legacy: children.codec('legacy'), new: children.codec('new') },
    explicit: { legacy: null, new: null },
    standard: null,
    ordered: false,
    children,
  };
}

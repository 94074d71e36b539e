import type { FieldSettings } from '../domain/configuration.ts';
import type { ColumnSpec, FieldSpec, KeyType, ModelSpec } from '../domain/model.ts';
import {
  exactNumber,
  isExactNumber,
  numberText,
  type PublicRecord,
  type Row,
  type Value,
} from '../domain/values.ts';
import type { Key, Side } from '../domain/words.ts';
import { columnName } from './naming.ts';

/** A table as a side holds it, in the words of the store contract. */
export interface MappedTable {
  name: string;
  key: string;
  keyType: KeyType;
  columns: ColumnSpec[];
}

/** A public field and its column on either side. */
export interface MappedField extends FieldSpec {
  columns: Record<Side, string>;
  /** How a number stands in the public JSON. */
  as: 'number' | 'string';
}

/**
 * The pure translation between a resource's public records and the rows of both sides. Declared, not coded: names by
 * case and rename, types from the model. Neither direction loses a value (test/mapping, property tests).
 */
export class Mapping {
  readonly keyField: string;
  readonly keyType: KeyType;
  readonly keyFromSequence: boolean;
  readonly fields: readonly MappedField[];
  readonly tables: Record<Side, MappedTable>;
  private readonly byName: Map<string, MappedField>;

  constructor(model: ModelSpec, legacyTable: { name: string; key: string }, settings: FieldSettings) {
    this.keyField = model.key;
    this.keyType = model.keyType;
    this.keyFromSequence = model.keyFromSequence;
    this.fields = model.fields.map((field) => mapField(field, model, legacyTable.key, settings));
    this.byName = new Map(this.fields.map((field) => [field.name, field]));
    this.tables = {
      legacy: {
        name: legacyTable.name,
        key: legacyTable.key,
        keyType: model.keyType,
        columns: this.columns('legacy'),
      },
      new: {
        name: model.table,
        key: this.column('new', model.key),
        keyType: model.keyType,
        columns: this.columns('new'),
      },
    };
  }

  field(name: string): MappedField | undefined {
    return this.byName.get(name);
  }

  /** The column of a public field. */
  column(side: Side, name: string): string {
    return this.byName.get(name)?.columns[side] ?? name;
  }

  /** The canonical key of a record. */
  keyOf(record: PublicRecord): Key {
    return keyText(record[this.keyField]);
  }

  /** The value that a key has in a record. */
  keyValue(key: Key): Value {
    return this.keyType === 'int' ? exactNumber(key) : key;
  }

  /** A record, or some fields of one, as a row of a side. */
  toRow(side: Side, record: PublicRecord): Row {
    const row: Row = {};
    for (const field of this.fields) {
      const value = record[field.name];
      if (value !== undefined)
        row[field.columns[side]] = field.as === 'string' ? numbersFromText(value) : value;
    }
    return row;
  }

  /** A row of a side as a public record with every field of the model; a column that the row lacks is null. */
  toRecord(side: Side, row: Row): PublicRecord {
    const record: PublicRecord = {};
    for (const field of this.fields) {
      const value = row[field.columns[side]] ?? null;
      record[field.name] = field.as === 'string' ? numbersToText(value) : value;
    }
    return record;
  }

  private columns(side: Side): ColumnSpec[] {
    return this.fields.map(({ columns, type, list, nullable }) => ({
      name: columns[side],
      type,
      list,
      nullable,
    }));
  }
}

function mapField(
  field: FieldSpec,
  model: ModelSpec,
  legacyKey: string,
  settings: FieldSettings,
): MappedField {
  const declared = settings.types[field.name];
  const legacy =
    settings.rename[field.name] ??
    (field.name === model.key ? legacyKey : columnName(field.name, settings.case));
  return {
    ...field,
    type: declared?.type ?? field.type,
    as: declared?.as ?? 'number',
    columns: { legacy, new: field.column },
  };
}

/** A key's canonical text: UUIDs in lower case, integers in decimal. */
export function keyText(value: Value | undefined): Key {
  if (typeof value === 'number' || isExactNumber(value)) return numberText(value);
  return typeof value === 'string' ? value : '';
}

function numbersToText(value: Value): Value {
  if (Array.isArray(value)) return value.map(numbersToText);
  return typeof value === 'number' || isExactNumber(value) ? numberText(value) : value;
}

function numbersFromText(value: Value): Value {
  if (Array.isArray(value)) return value.map(numbersFromText);
  return typeof value === 'string' ? exactNumber(value) : value;
}

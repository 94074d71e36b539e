import type { CustomSettings } from '../domain/configuration.ts';
import { BanyanError } from '../domain/errors.ts';
import type { ColumnSpec } from '../domain/model.ts';
import { isExactNumber, type PublicRecord, type Row, type Value } from '../domain/values.ts';

/** What a module of `fields.custom` exports. Both are pure; a column or field that is missing is null. */
export interface CustomModule {
  /** The legacy columns of the group to its public fields. */
  toNew(columns: Row): PublicRecord;
  /** The public fields of the group to its legacy columns. */
  toLegacy(fields: PublicRecord): Row;
}

/** Fields and legacy columns that a module translates together. */
export class CustomGroup {
  readonly fields: readonly string[];
  readonly columns: readonly ColumnSpec[];
  private readonly file: string;
  private readonly module: CustomModule;

  constructor({ module: file, fields, columns }: CustomSettings, module: CustomModule) {
    this.file = file;
    this.module = module;
    this.fields = fields;
    this.columns = Object.entries(columns).map(([name, type]) => ({
      name,
      type,
      list: false,
      nullable: true,
    }));
  }

  /** Adds the group's fields to a record that is made from a legacy row. `key` is for messages. */
  read(row: Row, record: PublicRecord, key: string): void {
    const columns = this.columns.map(({ name }) => name);
    Object.assign(record, this.call('toNew', row, columns, this.fields, key));
  }

  /** Adds the group's columns to a legacy row, where the record has any of its fields. */
  write(record: PublicRecord, row: Row, key: string): void {
    if (this.fields.every((name) => record[name] === undefined)) return;
    const columns = this.columns.map(({ name }) => name);
    Object.assign(row, this.call('toLegacy', record, this.fields, columns, key));
  }

  private call(
    name: keyof CustomModule,
    given: Row,
    from: readonly string[],
    to: readonly string[],
    key: string,
  ): Row {
    const pick = (values: Row, names: readonly string[]) =>
      Object.fromEntries(names.map((field) => [field, values[field] ?? null]));
    let made: Row;
    try {
      made = this.module[name](pick(given, from));
    } catch (error) {
      throw this.failed(name, from, key, (error as Error).message, error);
    }
    if (typeof made !== 'object' || made === null)
      throw this.failed(name, from, key, `it answered ${String(made)} instead of an object`);
    const wrong = to.find((field) => !isValue(made[field] ?? null));
    if (wrong !== undefined)
      throw this.failed(name, from, key, `it answered a ${typeof made[wrong]} for "${wrong}"`);
    return pick(made, to);
  }

  private failed(name: string, fields: readonly string[], key: string, reason: string, cause?: unknown) {
    const message = `${name} of ${this.file} failed on ${fields.join(', ')} of record "${key}": ${reason}`;
    return new BanyanError('mapping-failed', message, {
      details: { field: this.fields.join(', ') },
      cause,
    });
  }
}

function isValue(value: unknown): value is Value {
  if (value === null || ['string', 'boolean'].includes(typeof value) || isExactNumber(value)) return true;
  if (typeof value === 'number') return Number.isFinite(value);
  if (Array.isArray(value)) return value.every(isValue);
  return typeof value === 'object' && Object.values(value).every(isValue);
}

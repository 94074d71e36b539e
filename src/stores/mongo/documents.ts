import type { Document } from 'mongodb';
import { BanyanError } from '../../domain/errors.ts';
import { partText } from '../../domain/keys.ts';
import { noteMisfits, noteRetyped, type Misfit } from '../../domain/misfits.ts';
import type { ColumnSpec } from '../../domain/model.ts';
import type { Row, Value } from '../../domain/values.ts';
import type { Key } from '../../domain/words.ts';
import type { TableSpec } from '../contract.ts';
import { bsonBeside, bytesBeside } from './natives.ts';
import { bsonTypeOf, plain } from './plain.ts';
import { comesBackRetyped, nativeKey, nativeValue, readColumn } from './values.ts';

/** What a write does to a document. The paths are those of columns. */
export interface Changes {
  /** Null is a value to set. */
  set: ReadonlyMap<string, unknown>;
  remove: readonly string[];
  /** Takes the place of all fields that no column names; undefined: those stay as they are. */
  rest: Document | undefined;
}

/** Types of columns whose values say less than the document may: what is not changed there has to stay what it is. */
const FLATTENED: ReadonlySet<string> = new Set(['json', 'bytes']);

/** Translates between a table's rows and documents. Fields that no column names stay as they are. */
export class Documents {
  readonly columns: ReadonlyMap<string, ColumnSpec>;
  /** What a read asks the server for; empty: whole documents. */
  readonly projection: Document;
  /** What must be read before a write, so that its JSON does not flatten what JSON has no types for; null: nothing. */
  readonly besides: Document | null;
  readonly #spec: TableSpec;
  readonly #paths: readonly { column: ColumnSpec; path: readonly string[] }[];

  constructor(spec: TableSpec) {
    this.#spec = spec;
    const type = spec.keyType === 'int' ? 'bigint' : spec.keyType;
    const key: ColumnSpec = { name: spec.key, type, list: false, nullable: false };
    // The key's column has the key's type, also where the mapping's is another one.
    const columns = spec.columns.map((column) => (column.name === spec.key ? key : column));
    this.columns = new Map([[spec.key, key], ...columns.map((column) => [column.name, column] as const)]);
    this.#paths = spec.columns
      .filter(({ name }) => name !== spec.rest)
      .map(({ name }) => ({ column: this.columns.get(name) as ColumnSpec, path: name.split('.') }));
    this.projection = spec.rest === undefined ? projectionOf([...this.columns.keys()]) : {};
    const flat = columns.filter(({ type }) => FLATTENED.has(type)).map(({ name }) => name);
    this.besides = spec.rest !== undefined ? {} : flat.length > 0 ? projectionOf([spec.key, ...flat]) : null;
  }

  /** A document as a row. A field that it lacks is absent from the row; what does not fit is noted beside it. */
  row(document: Document): Row {
    const row: Row = {};
    const misfits: Misfit[] = [];
    const retyped: Misfit[] = [];
    for (const { column, path } of this.#paths) {
      const { native, blocked } = follow(document, path);
      if (blocked !== undefined) {
        const found = `${bsonTypeOf(blocked)} on the way`;
        misfits.push({ column: column.name, found, expected: column.type });
        row[column.name] = plain(blocked);
      } else if (native !== undefined) {
        const { value, misfit } = readColumn(native, column);
        row[column.name] = value;
        const expected = `${column.type}${column.list ? ' list' : ''}`;
        if (misfit !== null) misfits.push({ column: column.name, found: misfit, expected });
        else if (comesBackRetyped(native, column))
          retyped.push({ column: column.name, found: bsonTypeOf(native), expected });
      }
    }
    if (this.#spec.rest !== undefined) row[this.#spec.rest] = plain(this.#unnamed(document));
    noteMisfits(row, misfits);
    noteRetyped(row, retyped);
    return row;
  }

  key(document: Document): Key {
    const { native } = follow(document, this.#spec.key.split('.'));
    const key = partText(plain(native));
    if (this.#spec.keyType !== 'int' || /^-?\d+$/.test(key)) return key;
    // Its type is that of whole numbers, so that it lies among them.
    const message = `collection "${this.#spec.name}" has a "${this.#spec.key}" of ${key}, which is no whole number`;
    throw new BanyanError('store-answer', message);
  }

  /** Whether a write of the row has to know what the document holds now. */
  needsPresent(row: Row): boolean {
    if (this.besides === null) return false;
    const flattens = (name: string) => FLATTENED.has(this.columns.get(name)?.type ?? '');
    return Object.keys(row).some((name) => name === this.#spec.rest || flattens(name));
  }

  /** The key as the document has it. Fails with invalid-key where the text is none of the key's type. */
  nativeKey(key: Key): unknown {
    try {
      return nativeKey(this.#spec.keyType, key);
    } catch {
      throw new BanyanError('invalid-key', `"${key}" is no key of type ${this.#spec.keyType}`);
    }
  }

  /** The filter that finds exactly the document of a key. */
  byKey(key: Key): Document {
    return { [this.#spec.key]: this.nativeKey(key) };
  }

  keyOf(row: Row): Key {
    return partText(row[this.#spec.key]);
  }

  /**
   * A row as changes of the document of its key, which is `present` as far as `besides` asked for it. `whole`: what the
   * row lacks is missing in the document too; else it is left alone.
   */
  changes(row: Row, { whole, present = {} }: { whole: boolean; present?: Document }): Changes {
    const set = new Map<string, unknown>();
    let rest: Document | undefined;
    for (const name in row) {
      const value = row[name] as Value | undefined;
      if (value === undefined) continue;
      if (name === this.#spec.rest) rest = this.#restOf(value, present);
      else set.set(name, this.#native(name, value, present));
    }
    const { rest: restName } = this.#spec;
    const remove = whole
      ? [...this.columns.keys()].filter((name) => name !== restName && !set.has(name))
      : [];
    return { set, remove, rest };
  }

  #native(name: string, value: Value, present: Document): unknown {
    const column = this.columns.get(name);
    if (!column) throw this.#unknown(name);
    const written = nativeValue(value, column);
    if ('problem' in written) throw this.#unfit(name, written.problem);
    // As the filters of writes have it.
    if (name === this.#spec.key && value !== null) return this.nativeKey(partText(value));
    if (!FLATTENED.has(column.type) || value === null) return written.native;
    const { native } = follow(present, name.split('.'));
    return column.type === 'json' ? bsonBeside(value, native) : bytesBeside(written.native, native);
  }

  #restOf(value: Value, present: Document): Document {
    if (value !== null && bsonTypeOf(value) !== 'object')
      throw this.#unfit(String(this.#spec.rest), 'must be an object: the fields that no column names');
    return bsonBeside(value ?? {}, this.#unnamed(present)) as Document;
  }

  /** What no column names, in the nesting in which it is. */
  #unnamed(document: Document): Document {
    return without(
      document,
      [...this.columns.keys()].map((name) => name.split('.')),
    );
  }

  #unknown(name: string): BanyanError {
    const names = [...this.columns.keys()].join(', ');
    const message = `No field is mapped to "${name}" of collection "${this.#spec.name}"; there are ${names}.`;
    return new BanyanError('validation-failed', message, { details: { field: name } });
  }

  #unfit(name: string, problem: string): BanyanError {
    const message = `"${name}" of collection "${this.#spec.name}" ${problem}`;
    return new BanyanError('constraint-violated', message, { details: { field: name } });
  }
}

/** What is at a path: undefined where it is missing; `blocked`: what stands on the way where a document is expected. */
export function follow(document: Document, path: readonly string[]): { native: unknown; blocked?: unknown } {
  let native: unknown = document;
  for (const name of path) {
    if (native === null || native === undefined) return { native: undefined };
    if (bsonTypeOf(native) !== 'object') return { native: undefined, blocked: native };
    native = Object.hasOwn(native, name) ? (native as Document)[name] : undefined;
  }
  return { native };
}

/** A document without some paths; an embedded document of which nothing is left is left out with them. */
function without(document: Document, paths: readonly (readonly string[])[]): Document {
  const entries = Object.entries(document).flatMap(([name, member]): [string, unknown][] => {
    const below = paths.filter(([first]) => first === name).map(([, ...rest]) => rest);
    if (below.length === 0) return [[name, member]];
    if (below.some((path) => path.length === 0) || bsonTypeOf(member) !== 'object') return [];
    const left = without(member as Document, below);
    return Object.keys(left).length > 0 ? [[name, left]] : [];
  });
  return Object.fromEntries(entries);
}

/** Whole fields: asked for a path alone, the server leaves out what stands in the place of a document on the way. */
function projectionOf(paths: readonly string[]): Document {
  const wanted = Object.fromEntries(paths.map((path) => [path.split('.')[0], 1]));
  return '_id' in wanted ? wanted : { ...wanted, _id: 0 };
}

import type { Document } from 'mongodb';
import { BanyanError } from '../../domain/errors.ts';
import { partText } from '../../domain/keys.ts';
import { noteMisfits, type Misfit } from '../../domain/misfits.ts';
import type { ColumnSpec } from '../../domain/model.ts';
import type { Row, Value } from '../../domain/values.ts';
import type { Key } from '../../domain/words.ts';
import type { TableSpec } from '../contract.ts';
import { bsonTypeOf, plain } from './plain.ts';
import { nativeKey, nativeValue, readColumn } from './values.ts';

/** Fields to set and to remove; the paths are those of columns. Null is a value to set. */
export interface Changes {
  set: ReadonlyMap<string, unknown>;
  remove: readonly string[];
}

/** Translates between a table's rows and documents. Only mapped paths are read or written; all others stay as they are. */
export class Documents {
  readonly columns: ReadonlyMap<string, ColumnSpec>;
  /** What a read asks the server for. */
  readonly projection: Document;
  readonly #spec: TableSpec;
  readonly #paths: readonly { column: ColumnSpec; path: readonly string[] }[];

  constructor(spec: TableSpec) {
    this.#spec = spec;
    const key: ColumnSpec = { name: spec.key, type: spec.keyType, list: false, nullable: false };
    // The key's column has the key's type, also where the mapping's is another one.
    const columns = spec.columns.map((column) => (column.name === spec.key ? key : column));
    this.columns = new Map([[spec.key, key], ...columns.map((column) => [column.name, column] as const)]);
    this.#paths = spec.columns.map(({ name }) => ({
      column: this.columns.get(name) as ColumnSpec,
      path: name.split('.'),
    }));
    this.projection = projectionOf([...this.columns.keys()]);
  }

  /** A document as a row. A field that it lacks is absent from the row; what does not fit is noted beside it. */
  row(document: Document): Row {
    const row: Row = {};
    const misfits: Misfit[] = [];
    for (const { column, path } of this.#paths) {
      const { native, blocked } = follow(document, path);
      if (blocked !== undefined) {
        misfits.push({
          column: column.name,
          found: `${bsonTypeOf(blocked)} on the way`,
          expected: column.type,
        });
        row[column.name] = plain(blocked);
      } else if (native !== undefined) {
        const { value, misfit } = readColumn(native, column);
        row[column.name] = value;
        if (misfit !== null)
          misfits.push({
            column: column.name,
            found: misfit,
            expected: `${column.type}${column.list ? ' list' : ''}`,
          });
      }
    }
    noteMisfits(row, misfits);
    return row;
  }

  key(document: Document): Key {
    const { native } = follow(document, this.#spec.key.split('.'));
    return partText(plain(native));
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

  /** A row as changes of a document: what the row lacks is missing there too, if `whole`, else it is left alone. */
  changes(row: Row, whole: boolean): Changes {
    const set = new Map<string, unknown>();
    for (const name in row) {
      const column = this.columns.get(name);
      if (!column) throw this.#unknown(name);
      const value = row[name] as Value | undefined;
      if (value === undefined) continue;
      const written = nativeValue(value, column);
      if ('problem' in written) throw this.#unfit(name, written.problem);
      set.set(name, written.native);
    }
    const remove = whole ? [...this.columns.keys()].filter((name) => !set.has(name)) : [];
    return { set, remove };
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
function follow(document: Document, path: readonly string[]): { native: unknown; blocked?: unknown } {
  let native: unknown = document;
  for (const name of path) {
    if (native === null || native === undefined) return { native: undefined };
    if (bsonTypeOf(native) !== 'object') return { native: undefined, blocked: native };
    native = Object.hasOwn(native, name) ? (native as Document)[name] : undefined;
  }
  return { native };
}

/** The shortest list of paths that has all of them in it: a path and its parent together would be refused. */
function projectionOf(paths: readonly string[]): Document {
  const outer = paths.filter((path) => !paths.some((other) => path.startsWith(`${other}.`)));
  const wanted = Object.fromEntries(outer.map((path) => [path, 1]));
  return outer.includes('_id') ? wanted : { ...wanted, _id: 0 };
}

/** Columns that are nested in each other, such as `address` and `address.city`, would write over each other. */
export function nestedColumns(names: readonly string[]): string[] {
  return names.filter((name) => names.some((other) => name.startsWith(`${other}.`)));
}

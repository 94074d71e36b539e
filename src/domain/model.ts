import type { Value } from './values.ts';

/** Types of a field, in the public shape and in every store. */
export type ValueType =
  | 'text'
  | 'uuid'
  | 'objectid'
  | 'int'
  | 'bigint'
  | 'decimal'
  | 'float'
  | 'boolean'
  | 'timestamp'
  | 'date'
  | 'time'
  | 'json'
  | 'bytes'
  | 'enum';

/** A column (or document field) of a table in a store, under the store's own name. */
export interface ColumnSpec {
  /** In stores with `capabilities.paths` it may be a path into the document, its parts joined by dots. */
  name: string;
  type: ValueType;
  /** A native array of the type, e.g. TEXT[]. */
  list: boolean;
  nullable: boolean;
}

/** A field of a resource's model: its public name and what is known of it. */
export interface FieldSpec {
  /** Public name. */
  name: string;
  /** Column on the new side. */
  column: string;
  type: ValueType;
  list: boolean;
  nullable: boolean;
  /** The store fills it in when a create leaves it out. */
  hasDefault: boolean;
  /** What that is, for sides whose store has no defaults: a value, or the present moment; left out: the store's secret. */
  preset?: { value: Value } | 'now';
  /** Set to the present moment at every write (`@updatedAt`). */
  touched: boolean;
  /** Set from the caller's token: nobody has to give it. */
  owned?: boolean;
  /** Greatest length in characters, or null (`@db.VarChar(n)`). */
  maxLength: number | null;
  /** For `decimal`: all digits and fraction digits, or null. */
  precision: { digits: number; scale: number } | null;
  /** For `enum`: its values, else null. */
  values: readonly string[] | null;
}

/** A declared relation: `fields` hold the key of a record of model `model`, in the order of its parts. */
export interface ReferenceSpec {
  fields: readonly string[];
  model: string;
}

/** Rows that belong to a row of another table and are read and written with it, in an order of their own. */
export interface ChildTable {
  /** Name under which the parent's row carries them, as a list. */
  name: string;
  table: string;
  /** Column with the parent's key, which has one part. */
  parent: string;
  /** Integer column with the place in the list, from 0. */
  order: string;
  /** The other columns. */
  columns: readonly ColumnSpec[];
}

/** A column or field that a key is made of; most keys have just one. */
export interface KeyPart {
  name: string;
  type: KeyType;
}

/** What a resource's records look like; read from the Prisma schema, so that it is known without a database. */
export interface ModelSpec {
  name: string;
  /** Table on the new side. */
  table: string;
  /** Public names of the key's fields; one unless the id is composite (`@@id`). */
  keys: readonly KeyPart[];
  /** The first of them, which is the whole key unless it is composite. */
  key: string;
  keyType: KeyType;
  /** Whether the new store draws the key, or a part of it, from a sequence. */
  keyFromSequence: boolean;
  fields: FieldSpec[];
  references: ReferenceSpec[];
  /** Column of the new table that marks a record as deleted; it is no field. Left out: records are deleted for good. */
  softDelete?: string;
}

/** Types whose values are keys, and so have an order that both sides agree on (see `compareKeys` in keys.ts). */
export type KeyType = 'uuid' | 'objectid' | 'int' | 'text';

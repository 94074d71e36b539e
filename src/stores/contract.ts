import type { KeyPart } from '../domain/keys.ts';
import type { ChildTable, ColumnSpec, KeyType } from '../domain/model.ts';
import type { BanyanError } from '../domain/errors.ts';
import type { Condition, Estimate, ListQuery, Operator } from '../domain/query.ts';
import type { Database, Sql } from '../domain/sql.ts';
import type { StatisticsGroup, StatisticsQuery } from '../domain/statistics.ts';
import type { Row } from '../domain/values.ts';
import type { Key, StoreKind } from '../domain/words.ts';

/**
 * The store contract: one folder per kind implements it, one contract suite (test/contracts) holds it to it.
 *
 * Every method takes and gives rows in the store's own shape (column names) with canonical values (domain/values.ts):
 * exact numbers, canonical timestamps, lower-case UUIDs, base64 bytes. Every method ends within the store's `timeout`
 * and fails with a BanyanError of the catalogue; for a write, `outcome` says whether it may have been applied (A1, R2).
 */
export interface Store {
  readonly name: string;
  readonly kind: StoreKind;
  readonly capabilities: Capabilities;
  /** Transactions over several of the store's tables; null where `capabilities.transactions` is false. */
  readonly database: Database | null;
  /** A table or collection of the store. Costs nothing; looks at nothing. */
  table(spec: TableSpec): Table;
  /**
   * Runs a write of one request, and again where it certainly was not done, as often as the store's settings allow and while
   * `inTime` holds before it is sent: when that is, only the caller knows (R8). Left out: writes are run once.
   */
  repeat?<T>(write: () => Promise<T>, inTime: () => boolean): Promise<T>;
  /** Told of rows that were read only to be counted and added up, because the store could not do it. */
  noteFolded?(rows: number): void;
  /** Resolves when the store answers a trivial request with the configured account. */
  ping(): Promise<void>;
  close(): Promise<void>;
}

/** What a store tells the process about: slow statements, pool exhaustion. Never secrets. */
export type StoreNotice = (event: {
  store: string;
  message: string;
  details?: Record<string, unknown>;
}) => void;

/** Differences between kinds, declared. Guards, tests and messages read these; nothing branches on a kind. */
export interface Capabilities {
  /** Several writes as one unit, together with statements on the control database (`Table.within`). */
  transactions: boolean;
  changeFeed: 'none' | 'poll' | 'trigger' | 'stream';
  filterOperators: readonly Operator[];
  exactCount: boolean;
  /** Whether a key may be chosen by the gateway, or only the store draws it (D1). */
  assignsKeys: 'gateway-or-store' | 'store-only';
  /** Whether `insertMany` can do all or none. Left out: it cannot. */
  atomicInserts?: boolean;
  /** Whether an insert's missing columns take defaults of the store's own. Left out: they do. */
  defaults?: boolean;
  /** Whether a sequence can be set past the highest key (D3). */
  sequences: boolean;
  /** Whether the real columns can be read (`Table.describe`). */
  describesTables: boolean;
  /** Whether `ColumnSpec.name` may be a path into a document, its parts joined by dots. */
  paths: boolean;
  /** Key types that `scan` returns in the order of `compareKeys`. */
  keyOrders: readonly KeyType[];
  /** Whether `update` and `remove` take a condition that is part of the same operation. Without it they must get none. */
  conditionalWrites: boolean;
  /** Whether `list` can go by the bytes of text when asked (`ListQuery.collation`). Left out: it cannot. */
  bytewiseText?: boolean;
  /** Whether `list` can go by any collation of its Postgres. Left out: it cannot. */
  collations?: boolean;
  /**
   * The collation in which `list` goes unasked, where only the settings can say it: whoever relies on it looks at what comes.
   * Null: they do not. Left out: the store does as it is asked.
   */
  textOrder?: string | null;
  /** Whether `statistics` is there. Left out: it is not. */
  statistics?: boolean;
  /** Whether a key may be made of several columns (`TableSpec.keys`). */
  compositeKeys: boolean;
}

export interface TableSpec {
  /** Name of the table in the store; for `prisma` the database's name of the model's table. */
  name: string;
  /** The key columns, in order; one unless the key is composite. `joinKey` makes a `Key` of their texts. */
  keys: readonly KeyPart[];
  /** The first key column: all that a store without `capabilities.compositeKeys` needs to know. */
  key: string;
  keyType: KeyType;
  columns: readonly ColumnSpec[];
  /**
   * Name under which a row carries, as one object, all fields of the document that no column names; what a write gives
   * there takes their place. Without it they are left alone. Needs `capabilities.paths`.
   */
  rest?: string;
  /** Rows of other tables that a row carries as lists. Needs `capabilities.transactions`. */
  children?: readonly ChildTable[];
  /** Column that is set where a row is to count as deleted. Needs a store of kind `prisma`. */
  softDelete?: string;
}

export interface ActualColumn {
  name: string;
  /** The store's own type name, e.g. `timestamp with time zone`, `text[]`. */
  nativeType: string;
  nullable: boolean;
  hasDefault: boolean;
}

/** What a real table looks like; null where the store cannot say. */
export interface ActualTable {
  columns: ActualColumn[];
  /** Whether the key columns, and no others, are unique together in the store. */
  keyIsUnique: boolean | null;
  /** Whether it is a view: then every write fails with `read-only`. Left out: it is not. */
  readOnly?: boolean;
  /** The columns of each index, in its order; absent where the store cannot say. */
  indexes?: string[][];
  /** What in the table's own content does not fit the mapping, in words, e.g. keys of another type. */
  problems?: string[];
}

/** What became of one row of `insertMany`: the whole row as it is now, or why it is not there. */
export type InsertOutcome = { row: Row } | { error: BanyanError };

export interface InsertManyOptions {
  /** All rows or none: a refusal of one is thrown. Needs `capabilities.atomicInserts`. */
  atomic?: boolean;
  /** Called right before every request to the store; what it throws keeps that request from being sent (R8). */
  beforeRequest?: () => void;
}

export interface Table {
  readonly spec: TableSpec;
  /** The real table, or null where the store has no such table. Needs `capabilities.describesTables`. */
  describe(): Promise<ActualTable | null>;

  /** The present rows of these keys, read linearizably (R3); absent keys are absent from the map. Any number of keys. */
  get(keys: readonly Key[]): Promise<Map<Key, Row>>;
  /** One page. `total` is the exact number of rows that match, where the query asks for any. */
  list(query: ListQuery): Promise<{ rows: Row[]; total: number | null }>;
  /** Up to `limit` rows with a key beyond `after` (null: from the beginning), in key order. An empty page is the end. */
  scan(after: Key | null, limit: number): Promise<Row[]>;
  /** Keys only, as `scan`. */
  scanKeys(after: Key | null, limit: number): Promise<Key[]>;
  /** Exact number of rows. `collation`: that in which `where` compares text, as in a list. */
  count(where?: Condition, collation?: string): Promise<number>;
  /** About how many rows hold, faster than `count`. Left out where the store knows no faster way. */
  estimate?(where: Condition | null): Promise<Estimate>;
  /**
   * Groups of rows and their measures, made in the store without fetching rows; exact but for floats. Needs
   * `capabilities.statistics`. Fails with statistics-unavailable where the server does not do it, or not these.
   */
  statistics?(query: StatisticsQuery): Promise<StatisticsGroup[]>;
  /** Keys of the rows that hold for a condition (D2). */
  keysWhere(where: Condition, limit: number): Promise<Key[]>;

  /** Creates one row; columns that are not given take the store's default. Answers the whole row. */
  insert(row: Row): Promise<Row>;
  /**
   * Creates rows as `insert` does, in as few requests as the store can, and answers for each in their order: a row that is
   * refused keeps no other one out. Left out where the store has no better way than one by one (see insert-many.ts).
   */
  insertMany?(rows: readonly Row[], options?: InsertManyOptions): Promise<InsertOutcome[]>;
  /**
   * Changes the given columns of one row in one atomic operation (R4). Answers the whole row, or null where there is none
   * that holds for `where`, which needs `capabilities.conditionalWrites`.
   */
  update(key: Key, changes: Row, where?: Condition): Promise<Row | null>;
  /** Deletes one row. Answers whether there was one that holds for `where`, as in `update`. */
  remove(key: Key, where?: Condition): Promise<boolean>;

  /** Makes each row exist just as given (all columns), whatever was there. All or none where the store has transactions. */
  upsertMany(rows: readonly Row[]): Promise<void>;
  /** Makes each key absent. */
  removeMany(keys: readonly Key[]): Promise<void>;

  /** Sets the key's sequence past the highest key (D3). Needs `capabilities.sequences`. */
  advanceSequence(past?: Key): Promise<void>;
  /** The highest key, or null in an empty table. */
  highestKey(): Promise<Key | null>;

  /** The same table inside a transaction of the control database. Needs `capabilities.transactions`. */
  within(sql: Sql): Table;
}

import type { Mode, ResourceName } from './words.ts';
import type { ValueType } from './model.ts';

/**
 * `routes.config.yaml` after validation, with defaults filled in and `${NAME}` replaced: one frozen snapshot.
 * Durations are milliseconds, sizes are bytes, shares are fractions from 0 to 1.
 */
export interface Snapshot {
  /** Absolute path of the file. */
  file: string;
  /** SHA-256 of the file's text, hexadecimal: two replicas with different hashes have different files. */
  hash: string;
  server: ServerSettings;
  /** Base URL that takes what no resource names; null: answer 404. */
  upstream: string | null;
  stores: Readonly<Record<string, StoreSettings>>;
  /** Name of the `prisma` store that holds the control schema; the only one of that kind unless named. */
  control: string;
  resources: readonly ResourceSettings[];
  operations: readonly OperationSettings[];
}

export interface ServerSettings {
  host: string;
  port: number;
  bodyLimit: number;
  /** Name under which this process registers; null: made of host and port. */
  replica: string | null;
  /** How long a shutdown waits for requests under way. */
  shutdown: number;
  logLevel: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'silent';
}

interface StoreTiming {
  /** Longest time that one request to the store may take: client-side abort and the server's own limit (A1). */
  timeout: number;
  /** T of the protocol: no request lands later than this after it was marked; well above `timeout`. */
  deadline: number;
}

export interface PrismaStoreSettings extends StoreTiming {
  kind: 'prisma';
  /** Account of the gateway: reads and writes. */
  url: string;
  /** Account of the owner, for migrations; the same as `url` unless given. */
  ownerUrl: string;
  /** Account for reports: migrations grant it reading; null: there is none. */
  reportsUrl: string | null;
  /** Path of the Prisma schema file or folder, absolute. */
  schema: string;
  pool: { max: number; /** Longest wait for a free connection. */ wait: number };
  statementTimeout: number;
  /** Statements slower than `above` are logged, with their plan where `plan` is set; null: none. */
  slowQueries: { above: number; plan: boolean } | null;
}

export interface SupabaseStoreSettings extends StoreTiming {
  kind: 'supabase';
  url: string;
  /** Service role key; secret. */
  key: string;
  pool: { max: number; wait: number };
}

export type StoreSettings = PrismaStoreSettings | SupabaseStoreSettings;

export interface ResourceSettings {
  name: ResourceName;
  /** Public path without a trailing slash, e.g. `/api/clients`. */
  path: string;
  /** The mode that the file asks for: a request, not a fact (DESIGN.md section 4). */
  mode: Mode;
  envelope: 'success-data' | 'none';
  legacy: { store: string; table: string; key: string };
  new: { store: string; model: string };
  fields: FieldSettings;
  query: QuerySettings;
  shadow: { sample: number; ignore: readonly string[] };
  live: { sample: number };
  guards: GuardSettings;
  switch: SwitchSettings;
  /** Whether the answer of a write waits for the primary only, or for the secondary as well. */
  ack: 'primary' | 'both';
  backfill: { start: 'auto' | 'manual'; chunk: number };
  verify: { start: 'auto' | 'manual' };
}

export interface FieldSettings {
  /** How a public name becomes a legacy column where `rename` does not say. */
  case: 'snake' | 'camel' | 'none';
  /** Public name to legacy column. */
  rename: Readonly<Record<string, string>>;
  /** Public name to a type that differs from the model's, or to the JSON form of a number. */
  types: Readonly<Record<string, { type?: ValueType; as: 'number' | 'string' }>>;
}

export interface QuerySettings {
  filters: readonly string[];
  /** Fields by which a list may be sorted. */
  sort: readonly string[];
  /** Sort of a list that names none, e.g. `-createdAt`; null: by key. */
  defaultSort: string | null;
  pageSize: number;
  maxPageSize: number;
}

export interface GuardSettings {
  /** Compared reads that the step to `live` needs. */
  shadowReads: number;
  /** Greatest allowed share of differing reads, 0 to 1. */
  mismatches: number;
  /** Greatest allowed age of a mark. */
  lag: number;
}

export interface SwitchSettings {
  /** A write is held for at most this long, then answered with 503. */
  hold: number;
  /** A switch that is not through by then turns round (R15). */
  budget: number;
}

/** A route that is more than one record's CRUD: a TypeScript module with a handler per side. */
export interface OperationSettings {
  name: string;
  path: string;
  method: 'POST' | 'PUT' | 'PATCH' | 'DELETE' | 'GET';
  /** Absolute path of the module. */
  module: string;
  /** Resources that the operation reads or writes; they must be on the same side. */
  resources: readonly ResourceName[];
}

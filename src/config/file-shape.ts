import type {
  FieldSettings,
  MessageSchemas,
  OperationSettings,
  ResourceSettings,
  ServerSettings,
} from '../domain/configuration.ts';
import type { ValueType } from '../domain/model.ts';
import type { Mode } from '../domain/words.ts';

/** The file as the schema lets it be, before defaults: durations, sizes and shares are still texts. */
export interface ConfigFile {
  server?: {
    host?: string;
    port?: number;
    bodyLimit?: string;
    replica?: string;
    shutdown?: string;
    logLevel?: ServerSettings['logLevel'];
    redis?: string;
    docs?: boolean;
    probes?: boolean;
  };
  upstream?: string;
  control?: string;
  stores: Record<string, StoreInFile>;
  resources: Record<string, ResourceInFile>;
  operations?: Record<string, OperationInFile>;
}

interface CommonStoreInFile {
  url: string;
  timeout?: string;
  deadline?: string;
  pool?: { max?: number; wait?: string };
  retry?: { attempts?: number; pause?: string };
  breaker?: { failures?: number; rest?: string };
}

export interface PrismaStoreInFile extends CommonStoreInFile {
  kind: 'prisma';
  ownerUrl?: string;
  reportsUrl?: string;
  schema?: string;
  statementTimeout?: string;
  slowQueries?: { above: string; plan?: boolean };
}

export interface SupabaseStoreInFile extends CommonStoreInFile {
  kind: 'supabase';
  key: string;
}

export type StoreInFile = PrismaStoreInFile | SupabaseStoreInFile;

/** `5%`, or 0. */
export type ShareInFile = string | number;

export interface ResourceInFile {
  path: string;
  mode: Mode;
  envelope?: ResourceSettings['envelope'];
  legacy: { store: string; table: string; key?: string };
  new: { store: string; model: string };
  fields?: {
    case?: FieldSettings['case'];
    rename?: Record<string, string>;
    types?: Record<string, ValueType | { type?: ValueType; as?: 'number' | 'string' }>;
  };
  query?: {
    filters?: string[];
    sort?: string[];
    defaultSort?: string;
    pageSize?: number;
    maxPageSize?: number;
  };
  shadow?: { sample?: ShareInFile; ignore?: string[] };
  live?: { sample?: ShareInFile };
  guards?: { shadowReads?: number; mismatches?: ShareInFile; lag?: string };
  switch?: { hold?: string; budget?: string };
  ack?: ResourceSettings['ack'];
  backfill?: { start?: 'auto' | 'manual'; chunk?: number };
  verify?: { start?: 'auto' | 'manual' };
  schemas?: MessageSchemas;
  batch?: { max?: number; bodyLimit?: string };
  versions?: Record<string, VersionInFile>;
  cache?: { ttl: string };
  rateLimit?: { max: number; window?: string; by?: string };
}

export interface VersionInFile {
  path: string;
  fields?: string[];
  rename?: Record<string, string>;
  defaults?: Record<string, unknown>;
  constants?: Record<string, unknown>;
  schemas?: MessageSchemas;
}

export interface OperationInFile {
  path: string;
  method: OperationSettings['method'];
  module: string;
  resources: string[];
}

/** A file in which anything may be missing: what is left when the values that the schema refuses are taken out. */
export type Partly<T> = T extends readonly (infer Item)[]
  ? readonly (Item | undefined)[]
  : T extends object
    ? { readonly [Name in keyof T]?: Partly<T[Name]> }
    : T;

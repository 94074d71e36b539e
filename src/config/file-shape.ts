import type { NamedPermission, NamedRoles } from '../domain/callers.ts';
import type {
  ApiFailure,
  ApiSettings,
  HttpStoreSettings,
  PagingSettings,
  FieldSettings,
  MessageSchemas,
  OperationMode,
  OperationSettings,
  ResourceSettings,
  ServerSettings,
  SqlStoreSettings,
} from '../domain/configuration.ts';
import type { KeyType, ValueType } from '../domain/model.ts';
import type { Value } from '../domain/values.ts';
import type { Operator } from '../domain/query.ts';
import type { Mode, Side } from '../domain/words.ts';

/** The file as the schema lets it be, before defaults: durations, sizes and shares are still texts. */
export interface ConfigFile {
  server?: {
    host?: string;
    port?: number;
    bodyLimit?: string;
    replica?: string;
    shutdown?: string;
    logLevel?: ServerSettings['logLevel'];
    cors?: { origins: string[]; credentials?: boolean; maxAge?: string };
    trustProxy?: string[];
    redis?: string;
    docs?: boolean;
    probes?: boolean;
  };
  upstream?: string;
  upstreamRetry?: ResilienceInFile['retry'];
  upstreamBreaker?: ResilienceInFile['breaker'];
  control?: string;
  auth?: AuthInFile;
  stores: Record<string, StoreInFile>;
  resources: Record<string, ResourceInFile>;
  operations?: Record<string, OperationInFile>;
}

export interface AuthInFile {
  issuer?: string;
  jwks?: string;
  secret?: string;
  publicKey?: string;
  audience?: string;
  algorithms?: string[];
  clockTolerance?: string;
  timeout?: string;
  claims?: { subject?: string; roles?: string[] };
  roles?: NamedRoles;
}

export interface ResilienceInFile {
  retry?: { attempts?: number; pause?: string };
  breaker?: { failures?: number; rest?: string };
}

interface CommonStoreInFile extends ResilienceInFile {
  url: string;
  timeout?: string;
  deadline?: string;
  pool?: { max?: number; wait?: string };
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
  collation?: string;
}

export interface MongoStoreInFile extends CommonStoreInFile {
  kind: 'mongo';
  database?: string;
}

export interface SqlStoreInFile extends CommonStoreInFile {
  kind: 'sql';
  foreignKeys?: boolean;
  timestamps?: Partial<SqlStoreSettings['timestamps']>;
}

export interface JsonFileStoreInFile extends Pick<
  CommonStoreInFile,
  'timeout' | 'deadline' | 'retry' | 'breaker'
> {
  kind: 'json-file';
  path: string;
}

export interface HttpStoreInFile extends CommonStoreInFile {
  kind: 'http';
  headers?: Record<string, string>;
  ping?: string;
  keys?: HttpStoreSettings['keys'];
  maxRecords?: number;
  api?: ApiInFile;
  tables?: Record<string, ApiInFile>;
}

export interface ApiInFile {
  path?: string;
  paging?: Partial<PagingSettings>;
  answers?: { list?: string; record?: string; total?: string; totalHeader?: string };
  body?: string;
  update?: ApiSettings['update'];
  conditions?: NonNullable<ApiSettings['conditions']>;
  filters?: ApiFiltersInFile;
  statistics?: ApiStatisticsInFile;
  sort?: {
    parameter: string;
    ascending?: string;
    descending?: string;
    columns: string[];
    collation?: string;
  };
  errors?: { message?: string; field?: string; statuses?: Record<string, ApiFailure> };
}

export type ApiFiltersInFile = Record<string, string | Partial<Record<Operator, string>>>;

export interface ApiStatisticsInFile {
  path: string;
  filters?: ApiFiltersInFile;
  groups?: { parameter: string; value?: string; day?: string; columns?: string[]; days?: string[] };
  sum?: ApiMeasureInFile;
  min?: ApiMeasureInFile;
  max?: ApiMeasureInFile;
  answers?: { list?: string; count?: string; values?: string; group?: string; day?: string };
}

export interface ApiMeasureInFile {
  parameter?: string;
  columns: string[];
  answer: string;
}

export type StoreInFile =
  | JsonFileStoreInFile
  | HttpStoreInFile
  | MongoStoreInFile
  | PrismaStoreInFile
  | SqlStoreInFile
  | SupabaseStoreInFile;

/** `5%`, or 0. */
export type ShareInFile = string | number;

export interface ResourceInFile {
  path: string;
  mode: Mode;
  envelope?: ResourceSettings['envelope'];
  legacy: { store: string; table: string; key?: string | string[] };
  new: { store: string; model: string; softDelete?: string };
  ids?: { public?: KeyType; legacy?: KeyType; new?: KeyType };
  fields?: FieldsInFile;
  query?: {
    filters?: string[];
    statistics?: string[];
    statisticsFromRows?: boolean;
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
  deadLetters?: { attempts?: number; backoff?: string; longest?: string };
  verify?: { start?: 'auto' | 'manual' };
  tenant?: { field: string; claim: string };
  stamp?: Record<string, string>;
  roles?: NamedRoles;
  anonymous?: NamedPermission[];
  audit?: boolean;
  schemas?: MessageSchemas;
  batch?: { max?: number; bodyLimit?: string };
  versions?: Record<string, VersionInFile>;
  cache?: { ttl: string };
  rateLimit?: RateLimitInFile;
}

export interface RateLimitInFile {
  max: number;
  window?: string;
  by?: string;
}

export interface VersionInFile {
  path: string;
  fields?: string[];
  rename?: Record<string, string>;
  defaults?: Record<string, unknown>;
  constants?: Record<string, unknown>;
  schemas?: MessageSchemas;
}

export interface FieldsInFile {
  case?: FieldSettings['case'];
  rename?: Record<string, string>;
  types?: Record<string, ValueType | { type?: ValueType; legacy?: ValueType; as?: 'number' | 'string' }>;
  references?: Record<string, string>;
  defaults?: Record<string, { value: Value; back?: 'value' | 'null' | 'missing' }>;
  constants?: Partial<Record<Side, Record<string, Value>>>;
  enums?: Record<string, Record<string, string | number>>;
  embed?: Record<string, Record<string, string>>;
  split?: Record<string, SplitInFile>;
  custom?: { module: string; fields: string[]; columns: Record<string, ValueType> }[];
  rest?: string;
  drop?: string[];
  nulls?: 'null' | 'missing';
}

export interface SplitInFile {
  model: string;
  parent: string;
  order: string;
  case?: FieldSettings['case'];
  rename?: Record<string, string>;
}

export interface OperationInFile {
  path: string;
  method: OperationSettings['method'];
  module?: string;
  legacy?: OperationSideInFile;
  new?: OperationSideInFile;
  resources?: string[];
  mode?: OperationMode;
  safe?: boolean;
  compare?: { sample?: ShareInFile; ignore?: string[] };
  envelope?: ResourceSettings['envelope'];
  roles?: string[];
  anonymous?: boolean;
  rateLimit?: RateLimitInFile;
}

export interface OperationSideInFile extends ResilienceInFile {
  module?: string;
  upstream?: string;
  timeout?: string;
}

/** A file in which anything may be missing: what is left when the values that the schema refuses are taken out. */
export type Partly<T> = T extends readonly (infer Item)[]
  ? readonly (Item | undefined)[]
  : T extends object
    ? { readonly [Name in keyof T]?: Partly<T[Name]> }
    : T;

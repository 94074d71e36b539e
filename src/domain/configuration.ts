import type { Operator } from './query.ts';
import type { AuthSettings, Permission, Roles } from './callers.ts';
import type { KeyType, ValueType } from './model.ts';
import type { Value } from './values.ts';
import type { Mode, ResourceName, Side } from './words.ts';

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
  /** How often the upstream is asked again for what got no answer, where that is harmless; null: never. */
  upstreamRetry: RetrySettings | null;
  /** When the upstream is left alone; null: never. */
  upstreamBreaker: BreakerSettings | null;
  stores: Readonly<Record<string, StoreSettings>>;
  /** Name of the `prisma` store that holds the control schema; the only one of that kind unless named. */
  control: string;
  /** How callers are known; null: tokens are not looked at, and every route is everybody's. */
  auth: AuthSettings | null;
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
  /** Pages of other origins that may call the gateway's own routes; null: none. */
  cors: CorsSettings | null;
  /** Addresses and networks of proxies whose word for the caller's address is taken; none: nobody's. */
  trustProxy: readonly string[];
  /** URL of a Redis that replicas share for caches and rate limits; null: each process has its own. Secret. */
  redis: string | null;
  /** Whether `/openapi.json` and the page `/docs` are served. */
  docs: boolean;
  /** Whether `/health`, `/live`, `/ready` and `/metrics` are the gateway's own beside those below `/_banyan`. */
  probes: boolean;
}

/** How often a store or a service is asked again for what failed without effect. */
export interface RetrySettings {
  /** Attempts after the first one. */
  attempts: number;
  /** Around which the first pause lies; each further one is longer, and all vary at random. */
  pause: number;
}

/** When a store or a service that keeps failing is left alone. */
export interface BreakerSettings {
  /** Failures one after the other that open it. */
  failures: number;
  /** How long it stays open before one request may try. */
  rest: number;
}

export interface CorsSettings {
  /** Origins such as `https://app.example.com`; `*`: any. */
  origins: readonly string[];
  /** Whether browsers send cookies along. */
  credentials: boolean;
  /** How long a browser may keep the answer to its question, ms. */
  maxAge: number;
}

interface StoreTiming {
  /** Longest time that one request to the store may take: client-side abort and the server's own limit (A1). */
  timeout: number;
  /** T of the protocol: no request lands later than this after it was marked; well above `timeout`. */
  deadline: number;
  /** Null or left out: nothing is tried again. */
  retry?: RetrySettings | null;
  /** Null or left out: none. */
  breaker?: BreakerSettings | null;
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
  /** The collation of its database, in which it sorts text; null or left out: not known. */
  collation?: string | null;
  pool: { max: number; wait: number };
}

export interface MongoStoreSettings extends StoreTiming {
  kind: 'mongo';
  /** Connection string; holds the password. */
  url: string;
  /** Name of the database; null: the one that the URL names. */
  database: string | null;
  pool: { max: number; wait: number };
}

/** Tables and views of hand-written SQL. */
export interface SqlStoreSettings extends StoreTiming {
  kind: 'sql';
  /** `postgres://…`, which holds the password, or `sqlite:` with an absolute path. */
  url: string;
  /** SQLite: threads. */
  pool: { max: number; wait: number };
  /** SQLite: whether its foreign keys are enforced for the gateway's writes. */
  foreignKeys: boolean;
  /** SQLite, which has no type for them: text in columns of text, counts since 1970 in columns of integers. */
  timestamps: { text: 'iso' | 'space'; integer: 'milliseconds' | 'seconds' };
}

export interface JsonFileStoreSettings extends StoreTiming {
  kind: 'json-file';
  /** Absolute path of a folder with a file per table, or of one `.json` file with a list per table. */
  path: string;
}

/** A legacy REST API. What is not declared of it is not asked of it. */
export interface HttpStoreSettings extends StoreTiming {
  kind: 'http';
  /** Base URL; may hold a password. */
  url: string;
  /** Sent with every request; secret. */
  headers: Readonly<Record<string, string>>;
  pool: { max: number; wait: number };
  /** Path, below `url`, that answers with status 200 where the API is well; `/` unless it is given. */
  ping: string;
  /** Whether the API takes the key of a new record from the gateway, or draws it itself (D1). */
  keys: 'gateway' | 'store';
  /** Most records that are read in memory to filter, sort or count what the API cannot. */
  maxRecords: number;
  /** How the API speaks, by table; `default` holds for those that have no entry of their own. */
  api: { default: ApiSettings; tables: Readonly<Record<string, ApiSettings>> };
}

export interface ApiSettings {
  /** Path of the list below the store's URL; a record is at `<path>/<key>`. Null: the table's name. */
  path: string | null;
  paging: PagingSettings;
  /** Paths into answers; an empty one is the whole body. */
  answers: { list: string; record: string; total: string | null; totalHeader: string | null };
  /** Member of a request's body that holds the record; empty: the body is the record. */
  body: string;
  update: 'PATCH' | 'PUT';
  /**
   * How a write is kept to a record that holds for a condition: `etag`: If-Match with the ETag of what was read; `filters`:
   * query parameters, as in a list. Null: the API takes none.
   */
  conditions: 'etag' | 'filters' | null;
  /** Query parameters of conditions that the API knows, by column and operator. */
  filters: Readonly<Record<string, Partial<Record<Operator, string>>>>;
  /** Null: the order of a list is not known. */
  sort: {
    parameter: string;
    ascending: string;
    descending: string;
    columns: readonly string[];
    /** In which it sorts text, and compares it where it filters; null or left out: not known. */
    collation?: string | null;
  } | null;
  /** An endpoint that answers groups and their measures; null: there is none. */
  statistics: ApiStatistics | null;
  errors: {
    /** Paths of the message and of the field in an error's body. */
    message: string;
    field: string;
    /** Errors of the catalogue by status, where they are other than usual. */
    statuses: Readonly<Record<string, ApiFailure>>;
  };
}

/** In texts and paths `{column}` stands for a column's name. */
export interface ApiStatistics {
  path: string;
  filters: ApiSettings['filters'];
  /** What is sent for the values of a column, and for its UTC days, of those that it groups by; null: it makes no groups. */
  groups: {
    parameter: string;
    value: string;
    day: string;
    columns: readonly string[];
    days: readonly string[];
  } | null;
  measures: Readonly<Record<'sum' | 'min' | 'max', ApiMeasure | null>>;
  /** Paths; all but `list` inside of one group. `values`: null where the answer does not tell how many there are. */
  answers: { list: string; count: string; values: string | null; group: string; day: string };
}

/** `parameter`: null where the answer has it unasked. */
export interface ApiMeasure {
  parameter: string | null;
  columns: readonly string[];
  answer: string;
}

/** What a refusal of an API can mean. */
export type ApiFailure =
  | 'duplicate'
  | 'reference-missing'
  | 'constraint-violated'
  | 'not-found'
  | 'store-refused'
  | 'store-overloaded'
  | 'store-unreachable'
  | 'write-conflict';

/** How a list is read in pages. `none`: one answer has all of it. */
export interface PagingSettings {
  by: 'page' | 'offset' | 'cursor' | 'none';
  /** Query parameters of the page's number, its offset or its cursor, and of its size. */
  page: string;
  offset: string;
  cursor: string;
  size: string;
  /** Number of the first page. */
  first: number;
  /** Path of the next cursor, or of the next page's URL, in an answer. */
  next: string;
  /** Most records that the API gives at once. */
  max: number;
}

export type StoreSettings =
  | PrismaStoreSettings
  | SqlStoreSettings
  | SupabaseStoreSettings
  | MongoStoreSettings
  | JsonFileStoreSettings
  | HttpStoreSettings;

export interface ResourceSettings {
  name: ResourceName;
  /** Public path without a trailing slash, e.g. `/api/clients`. */
  path: string;
  /** The mode that the file asks for: a request, not a fact (DESIGN.md section 4). */
  mode: Mode;
  envelope: 'success-data' | 'none';
  /** `key`: key columns; of a composite key one for each field of the model's id, in its order, or `id` for all by case. */
  legacy: { store: string; table: string; key: string | readonly string[] };
  /** `softDelete`: field of the model that a delete sets; null: records are deleted for good. */
  new: { store: string; model: string; softDelete: string | null };
  /** Forms of the ids where they are not the model's. */
  ids: { public: KeyType | null; legacy: KeyType | null; new: KeyType | null };
  fields: FieldSettings;
  query: QuerySettings;
  shadow: { sample: number; ignore: readonly string[] };
  live: { sample: number };
  guards: GuardSettings;
  switch: SwitchSettings;
  /** Whether the answer of a write waits for the primary only, or for the secondary as well. */
  ack: 'primary' | 'both';
  backfill: { start: 'auto' | 'manual'; chunk: number };
  /** How often a record that the other side refuses is tried again, and after which pauses (ms), before it is a dead letter. */
  deadLetters: { attempts: number; backoff: number; longest: number };
  verify: { start: 'auto' | 'manual' };
  access: AccessSettings;
  schemas: MessageSchemas;
  /** Batches of creates at `path/batch`; null: none. */
  batch: { max: number; bodyLimit: number } | null;
  /** Further public shapes of the same records, each at a path of its own. */
  versions: readonly VersionSettings[];
  /** How long an answer may be kept and given again; null: never. */
  cache: { ttl: number } | null;
  rateLimit: RateLimitSettings | null;
}

/** What of a resource a caller sees and may do. */
export interface AccessSettings {
  /** Callers see and write the records only whose field has the value of their token's claim; null: all records. */
  tenant: { field: string; claim: string } | null;
  /** Field that a create gets from a claim, and that nobody changes; by field. */
  stamp: Readonly<Record<string, string>>;
  roles: Roles;
  /** What may be done without a token. */
  anonymous: readonly Permission[];
  /** Whether callers' writes are written to the audit log: who, what, which key. */
  audit: boolean;
}

/** Files (absolute) with the JSON Schema that a message must fit before the model is asked, by what the message does. */
export type MessageSchemas = Readonly<Partial<Record<'create' | 'replace' | 'change', string>>>;

/** A public shape of a resource for clients of another time: the same records under other names. */
export interface VersionSettings {
  name: string;
  path: string;
  /** Fields of the resource that it shows, by the resource's names; null: all. */
  fields: readonly string[] | null;
  /** The version's name of a field to the resource's. */
  rename: Readonly<Record<string, string>>;
  /** What a create through this version sets in fields that the message leaves out, by the resource's names. */
  defaults: Readonly<Record<string, unknown>>;
  /** Members that every answer has and no message changes, by the version's names. */
  constants: Readonly<Record<string, unknown>>;
  schemas: MessageSchemas;
}

export interface RateLimitSettings {
  /** Requests within `window` from one caller. */
  max: number;
  window: number;
  /** What makes a caller: the address, or a claim of the token. */
  by: 'ip' | { claim: string };
}

export interface FieldSettings {
  /** How a public name becomes a legacy column where `rename` does not say. */
  case: 'snake' | 'camel' | 'none';
  /** Public name to legacy column. */
  rename: Readonly<Record<string, string>>;
  /** Public name to a type that differs from the model's, or to the JSON form of a number. */
  types: Readonly<Record<string, { type?: ValueType; legacy?: ValueType; as: 'number' | 'string' }>>;
  /** Public name to the resource whose ids it holds, beside the relations of the model. */
  references: Readonly<Record<string, ResourceName>>;
  /** Public name to what stands for a missing or null legacy value, and what legacy gets for it. */
  defaults: Readonly<Record<string, { value: Value; back: 'value' | 'null' | 'missing' }>>;
  /** Columns (on the new side: fields of the model) that only one side has, with what they hold. */
  constants: Readonly<Record<Side, Readonly<Record<string, Value>>>>;
  /** Public name to legacy values by public value. */
  enums: Readonly<Record<string, Readonly<Record<string, string | number>>>>;
  /** Path inside a legacy document to public names, each with its name there. */
  embed: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** Public name of an array of documents to its child table on the new side. */
  split: Readonly<Record<string, SplitSettings>>;
  /** Fields and columns that a module translates. */
  custom: readonly CustomSettings[];
  /** Public name of the field that takes what no other field names; null: none does. */
  rest: string | null;
  /** Legacy columns that are left behind on purpose. */
  drop: readonly string[];
  /** How a null goes back to a store that can tell it from a missing field. */
  nulls: 'null' | 'missing';
}

export interface SplitSettings {
  model: string;
  /** Field of the child that holds its parent's id. */
  parent: string;
  /** Field of the child that holds its place in the array, from 0. */
  order: string;
  case: FieldSettings['case'];
  /** Child's field to its name in the legacy document. */
  rename: Readonly<Record<string, string>>;
}

export interface CustomSettings {
  /** Absolute path. */
  module: string;
  /** Public names. */
  fields: readonly string[];
  /** Legacy columns and their types. */
  columns: Readonly<Record<string, ValueType>>;
}

export interface QuerySettings {
  filters: readonly string[];
  /** Fields that statistics may measure or group by; empty: there is no `path/statistics`. */
  statistics: readonly string[];
  /** Whether records may be read for statistics that a store cannot make. */
  statisticsFromRows: boolean;
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

/** A route that is more than one record's CRUD, with a handler or a service per side. */
export interface OperationSettings {
  name: string;
  /** Public path; a part that begins with `:` takes any value. */
  path: string;
  method: 'POST' | 'PUT' | 'PATCH' | 'DELETE' | 'GET';
  /** What runs on each side; null: nothing, there the operation is closed. */
  sides: Readonly<Record<Side, OperationSide | null>>;
  /** Resources that the operation reads or writes; they must be on the same side, and where they are it runs. */
  resources: readonly ResourceName[];
  /** Which side answers, of an operation without resources; null: where its resources are. */
  mode: OperationMode | null;
  /** Whether running it twice does no harm: it may be run on both sides, and again after a failure. */
  safe: boolean;
  compare: { sample: number; ignore: readonly string[] };
  /** Null: that of its first resource, or `none`. */
  envelope: ResourceSettings['envelope'] | null;
  /** Roles that may run it; null: any. */
  roles: readonly string[] | null;
  /** Whether it may be run without a token. */
  anonymous: boolean;
  rateLimit: RateLimitSettings | null;
}

/** `shadow`: legacy answers, and new is asked too and compared, off the client's path. */
export type OperationMode = 'legacy' | 'shadow' | 'new';

/** A module (absolute path) whose handler runs here, or the base URL of a service. `timeout`: milliseconds. */
export type OperationSide = { module: string } | ServiceSide;

export interface ServiceSide {
  upstream: string;
  timeout: number;
  /** Null: a safe operation is asked once more where the connection broke. */
  retry: RetrySettings | null;
  /** Null: none. */
  breaker: BreakerSettings | null;
}

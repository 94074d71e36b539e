import { resolve } from 'node:path';
import type {
  FieldSettings,
  MessageSchemas,
  QuerySettings,
  ResourceSettings,
  ServerSettings,
  Snapshot,
  StoreSettings,
} from '../domain/configuration.ts';
import { accessSettings, authSettings, corsSettings, operationSettings } from './access.ts';
import { httpSettings, jsonFileSettings } from './api-settings.ts';
import { DEFAULTS } from './defaults.ts';
import type { AuthInFile, ConfigFile, ResourceInFile, StoreInFile } from './file-shape.ts';
import { breakerSettings, rateLimitSettings, resilienceSettings, retrySettings } from './resilience.ts';
import { sortField } from './rules/query.ts';
import { bytes, fraction, milliseconds } from './units.ts';

/** A file without mistakes as a frozen snapshot: defaults filled in, units and paths resolved. */
export function toSnapshot(
  config: ConfigFile,
  origin: { file: string; folder: string; hash: string; control: string },
): Snapshot {
  const absolute = (path: string) => resolve(origin.folder, path);
  const { file, hash, control } = origin;
  return deepFreeze({
    file,
    hash,
    server: serverSettings(config.server),
    upstream: config.upstream ?? null,
    upstreamRetry: retrySettings(config.upstreamRetry),
    upstreamBreaker: breakerSettings(config.upstreamBreaker),
    stores: mapValues(config.stores, (store) => storeSettings(store, absolute)),
    control,
    auth: authSettings(config.auth),
    resources: Object.entries(config.resources).map(([name, resource]) =>
      resourceSettings(name, resource, config.auth, absolute),
    ),
    operations: Object.entries(config.operations ?? {}).map(([name, operation]) =>
      operationSettings(name, operation, config.auth, absolute),
    ),
  });
}

function serverSettings(given: ConfigFile['server']): ServerSettings {
  const server = { ...DEFAULTS.server, ...given };
  return {
    host: server.host,
    port: server.port,
    bodyLimit: bytes(server.bodyLimit),
    replica: given?.replica ?? null,
    shutdown: milliseconds(server.shutdown),
    logLevel: server.logLevel,
    cors: corsSettings(given?.cors),
    trustProxy: [...(given?.trustProxy ?? [])],
    redis: given?.redis ?? null,
    docs: server.docs,
    probes: server.probes,
  };
}

function storeSettings(store: StoreInFile, absolute: (path: string) => string): StoreSettings {
  const pool = { ...DEFAULTS.store.pool, ...('pool' in store ? store.pool : {}) };
  const common = {
    timeout: milliseconds(store.timeout ?? DEFAULTS.store.timeout),
    deadline: milliseconds(store.deadline ?? DEFAULTS.store.deadline),
    pool: { max: pool.max, wait: milliseconds(pool.wait) },
    ...resilienceSettings(store),
  };
  if (store.kind === 'json-file') return jsonFileSettings(store, common, absolute);
  if (store.kind === 'http') return httpSettings(store, common);
  if (store.kind === 'sql') {
    const { foreignKeys, timestamps } = { ...DEFAULTS.sql, ...store };
    const url = store.url.replace(/^sqlite:(.*)$/, (_, path: string) => `sqlite:${absolute(path)}`);
    const forms = { ...DEFAULTS.sql.timestamps, ...timestamps };
    return { kind: 'sql', url, ...common, foreignKeys, timestamps: forms };
  }
  if (store.kind === 'mongo')
    return { kind: 'mongo', url: store.url, database: store.database ?? null, ...common };
  if (store.kind === 'supabase') {
    const { url, key, collation = null } = store;
    return { kind: 'supabase', url, key, collation, ...common };
  }
  const { url, slowQueries } = store;
  return {
    kind: 'prisma',
    url,
    ownerUrl: store.ownerUrl ?? url,
    reportsUrl: store.reportsUrl ?? null,
    schema: absolute(store.schema ?? DEFAULTS.prisma.schema),
    ...common,
    statementTimeout: milliseconds(store.statementTimeout ?? DEFAULTS.prisma.statementTimeout),
    slowQueries: slowQueries
      ? { above: milliseconds(slowQueries.above), plan: slowQueries.plan ?? DEFAULTS.prisma.slowQueries.plan }
      : null,
  };
}

function resourceSettings(
  name: string,
  resource: ResourceInFile,
  auth: AuthInFile | undefined,
  absolute: (path: string) => string,
): ResourceSettings {
  const standard = DEFAULTS.resource;
  const guards = { ...standard.guards, ...resource.guards };
  const patience = { ...standard.switch, ...resource.switch };
  const letters = { ...standard.deadLetters, ...resource.deadLetters };
  return {
    name,
    path: resource.path,
    mode: resource.mode,
    envelope: resource.envelope ?? standard.envelope,
    legacy: { ...standard.legacy, ...resource.legacy },
    new: {
      store: resource.new.store,
      model: resource.new.model,
      softDelete: resource.new.softDelete ?? null,
    },
    ids: {
      public: resource.ids?.public ?? resource.ids?.legacy ?? null,
      legacy: resource.ids?.legacy ?? null,
      new: resource.ids?.new ?? null,
    },
    fields: fieldSettings(resource.fields, absolute),
    query: querySettings(resource.query),
    shadow: {
      sample: fraction(resource.shadow?.sample ?? standard.shadow.sample),
      ignore: resource.shadow?.ignore ?? standard.shadow.ignore,
    },
    live: { sample: fraction(resource.live?.sample ?? standard.live.sample) },
    guards: {
      shadowReads: guards.shadowReads,
      mismatches: fraction(guards.mismatches),
      lag: milliseconds(guards.lag),
    },
    switch: { hold: milliseconds(patience.hold), budget: milliseconds(patience.budget) },
    ack: resource.ack ?? standard.ack,
    backfill: { ...standard.backfill, ...resource.backfill },
    deadLetters: {
      attempts: letters.attempts,
      backoff: milliseconds(letters.backoff),
      longest: milliseconds(letters.longest),
    },
    verify: { ...standard.verify, ...resource.verify },
    access: accessSettings(resource, auth),
    ...edgeSettings(resource, absolute),
  };
}

/** What a route does before and after the stores are asked. */
function edgeSettings(
  { schemas, batch, versions, cache, rateLimit }: ResourceInFile,
  absolute: (path: string) => string,
) {
  const limits = { ...DEFAULTS.resource.batch, ...batch };
  return {
    schemas: messageSchemas(schemas, absolute),
    batch: batch ? { max: limits.max, bodyLimit: bytes(limits.bodyLimit) } : null,
    versions: Object.entries(versions ?? {}).map(([version, given]) => ({
      name: version,
      path: given.path,
      fields: given.fields ?? null,
      rename: given.rename ?? {},
      defaults: given.defaults ?? {},
      constants: given.constants ?? {},
      schemas: messageSchemas(given.schemas, absolute),
    })),
    cache: cache ? { ttl: milliseconds(cache.ttl) } : null,
    rateLimit: rateLimitSettings(rateLimit),
  };
}

function messageSchemas(
  given: MessageSchemas | undefined,
  absolute: (path: string) => string,
): MessageSchemas {
  return mapValues((given ?? {}) as Record<string, string>, absolute);
}

function fieldSettings(
  given: ResourceInFile['fields'] = {},
  absolute: (path: string) => string,
): FieldSettings {
  const fields = { ...DEFAULTS.resource.fields, ...given };
  return {
    case: fields.case,
    rename: plain(fields.rename as Record<string, string>),
    types: mapValues(given.types ?? {}, (entry) => ({
      ...DEFAULTS.resource.fieldType,
      ...(typeof entry === 'string' ? { type: entry } : entry),
    })),
    references: plain(given.references ?? {}),
    defaults: mapValues(given.defaults ?? {}, (entry) => ({ ...DEFAULTS.resource.fieldDefault, ...entry })),
    constants: {
      legacy: plain(given.constants?.legacy ?? {}),
      new: plain(given.constants?.new ?? {}),
    },
    enums: mapValues(given.enums ?? {}, plain),
    embed: mapValues(given.embed ?? {}, plain),
    split: mapValues(given.split ?? {}, ({ rename, ...child }) => ({
      case: fields.case,
      ...child,
      rename: plain(rename ?? {}),
    })),
    custom: (given.custom ?? []).map(({ module, fields: names, columns }) => ({
      module: absolute(module),
      fields: [...names],
      columns: plain(columns),
    })),
    rest: given.rest ?? null,
    drop: [...fields.drop],
    nulls: fields.nulls,
  };
}

function plain<T>(values: Readonly<Record<string, T>>): Record<string, T> {
  return mapValues(values, (value) => value);
}

function querySettings(given: ResourceInFile['query']): QuerySettings {
  const query = { ...DEFAULTS.resource.query, ...given };
  return {
    filters: query.filters,
    statistics: query.statistics,
    statisticsFromRows: query.statisticsFromRows,
    sort: query.sort.map(sortField),
    // The first field that a list may be sorted by is its order, unless another one is named.
    defaultSort: given?.defaultSort ?? query.sort[0] ?? null,
    pageSize: query.pageSize,
    maxPageSize: query.maxPageSize,
  };
}

/** Plain objects again: the reader's mappings have no prototype, and their texts are the reader's own. */
function mapValues<A, B>(values: Readonly<Record<string, A>>, change: (value: A) => B): Record<string, B> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, change(value)]));
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const member of Object.values(value)) deepFreeze(member);
  }
  return value;
}

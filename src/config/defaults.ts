const RETRY = { attempts: 2, pause: '50ms' } as const;
const BREAKER = { failures: 5, rest: '5s' } as const;
const RATE_LIMIT = { window: '1m', by: 'ip' } as const;
/** Of a side of an operation that is a service. */
const SERVICE = { timeout: '5s', retry: RETRY, breaker: BREAKER } as const;

/** What holds where the file says nothing, in the file's own notation. The schema's `default`s are tested against it. */
export const DEFAULTS = {
  server: {
    host: '127.0.0.1',
    port: 8080,
    bodyLimit: '1mb',
    shutdown: '20s',
    logLevel: 'info',
    cors: { credentials: false, maxAge: '10m' },
    docs: false,
    probes: false,
  },
  auth: { clockTolerance: '5s', timeout: '5s', claims: { subject: 'sub', roles: ['roles'] } },
  operation: {
    legacy: SERVICE,
    new: SERVICE,
    compare: { sample: '100%', ignore: [] },
    anonymous: false,
    rateLimit: RATE_LIMIT,
  },
  store: {
    timeout: '5s',
    deadline: '15s',
    pool: { max: 20, wait: '5s' },
    retry: RETRY,
    breaker: BREAKER,
  },
  http: {
    ping: '/',
    keys: 'gateway',
    maxRecords: 10_000,
    api: {
      paging: {
        by: 'none',
        page: 'page',
        offset: 'offset',
        cursor: 'cursor',
        size: 'limit',
        first: 1,
        next: 'next',
        max: 100,
      },
      answers: { list: '', record: '' },
      body: '',
      update: 'PATCH',
      sort: { ascending: '{column}', descending: '-{column}' },
      statistics: {
        groups: { value: '{column}', day: 'day({column})', columns: [], days: [] },
        answers: { list: '', count: 'count', group: '{column}', day: '{column}' },
      },
      errors: { message: 'message', field: 'field' },
    },
  },
  sql: { foreignKeys: true, timestamps: { text: 'iso', integer: 'milliseconds' } },
  prisma: { schema: 'prisma/schema.prisma', statementTimeout: '5s', slowQueries: { plan: false } },
  resource: {
    envelope: 'none',
    legacy: { key: 'id' },
    fields: {
      case: 'none',
      rename: {},
      types: {},
      references: {},
      defaults: {},
      constants: { legacy: {}, new: {} },
      enums: {},
      embed: {},
      split: {},
      custom: [],
      drop: [],
      nulls: 'null',
    },
    /** Of one entry of `fields.types`. */
    fieldType: { as: 'number' },
    /** Of one entry of `fields.defaults`. */
    fieldDefault: { back: 'null' },
    query: {
      filters: [],
      statistics: [],
      statisticsFromRows: false,
      sort: [],
      pageSize: 50,
      maxPageSize: 500,
    },
    shadow: { sample: '100%', ignore: [] },
    live: { sample: '10%' },
    guards: { shadowReads: 1000, mismatches: 0, lag: '2s' },
    switch: { hold: '20s', budget: '18s' },
    ack: 'primary',
    backfill: { start: 'auto', chunk: 1000 },
    deadLetters: { attempts: 6, backoff: '500ms', longest: '1m' },
    verify: { start: 'auto' },
    stamp: {},
    anonymous: [],
    audit: false,
    batch: { max: 1000, bodyLimit: '8mb' },
    rateLimit: RATE_LIMIT,
  },
} as const;

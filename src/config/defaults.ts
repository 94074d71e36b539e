/** What holds where the file says nothing, in the file's own notation. The schema's `default`s are tested against it. */
export const DEFAULTS = {
  server: {
    host: '127.0.0.1',
    port: 8080,
    bodyLimit: '1mb',
    shutdown: '20s',
    logLevel: 'info',
    docs: false,
    probes: false,
  },
  store: {
    timeout: '5s',
    deadline: '15s',
    pool: { max: 20, wait: '5s' },
    retry: { attempts: 2, pause: '50ms' },
    breaker: { failures: 5, rest: '5s' },
  },
  prisma: { schema: 'prisma/schema.prisma', statementTimeout: '5s', slowQueries: { plan: false } },
  resource: {
    envelope: 'none',
    legacy: { key: 'id' },
    fields: { case: 'none', rename: {}, types: {}, drop: [], nulls: 'null' },
    /** Of one entry of `fields.types`. */
    fieldType: { as: 'number' },
    /** Of one entry of `fields.defaults`. */
    fieldDefault: { back: 'null' },
    query: { filters: [], sort: [], pageSize: 50, maxPageSize: 500 },
    shadow: { sample: '100%', ignore: [] },
    live: { sample: '10%' },
    guards: { shadowReads: 1000, mismatches: 0, lag: '2s' },
    switch: { hold: '20s', budget: '18s' },
    ack: 'primary',
    backfill: { start: 'auto', chunk: 1000 },
    verify: { start: 'auto' },
    batch: { max: 1000, bodyLimit: '8mb' },
    rateLimit: { window: '1m', by: 'ip' },
  },
} as const;

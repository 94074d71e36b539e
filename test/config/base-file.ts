/** A right file that uses every part of the configuration; the wrong files are this one with one edit each. */
export const BASE_FILE = `# yaml-language-server: $schema=../../routes.config.schema.json
server:
  host: 127.0.0.1
  port: \${PORT:-8080}
  bodyLimit: 1mb
  logLevel: info
upstream: \${LEGACY_API_URL:-}
stores:
  erp-legacy:
    kind: supabase
    url: \${SUPABASE_URL}
    key: \${SUPABASE_SERVICE_ROLE_KEY}
    timeout: 5s
    deadline: 15s
  new:
    kind: prisma
    url: \${DATABASE_URL}
    ownerUrl: \${DATABASE_OWNER_URL:-}
    schema: ../../prisma/schema.prisma
    pool: { max: 20, wait: 5s }
    statementTimeout: 5s
    slowQueries: { above: 500ms, plan: true }
resources:
  clients:
    path: /api/clients
    mode: legacy # where they are today
    envelope: success-data
    legacy: { store: erp-legacy, table: clients, key: id }
    new: { store: new, model: Client }
    fields:
      case: snake
      rename: { phone: tel }
      types: { revenue: decimal }
    query:
      filters: [email, siret, status]
      sort: [-createdAt, name]
      defaultSort: -createdAt
      pageSize: 50
      maxPageSize: 200
    shadow: { sample: 100%, ignore: [updatedAt] }
    live: { sample: 5% }
    guards: { shadowReads: 1000, mismatches: 0.1%, lag: 2s }
    switch: { hold: 10s, budget: 20s }
    ack: both
    backfill: { start: manual, chunk: 500 }
    verify: { start: auto }
  services:
    path: /api/services
    mode: shadow
    legacy: { store: erp-legacy, table: services }
    new: { store: new, model: Service }
operations:
  merge-clients:
    path: /api/clients/:id/merge
    method: POST
    module: base-file.ts
    resources: [clients]
auth:
  issuer: https://id.example.com/realms/erp
  audience: banyan
  algorithms: [RS256]
`;

/** What the base file needs of the environment. */
export const ENVIRONMENT = {
  SUPABASE_URL: 'http://127.0.0.1:54321',
  SUPABASE_SERVICE_ROLE_KEY: 'service-role-key-that-nobody-may-see',
  DATABASE_URL: 'postgresql://gateway:password-that-nobody-may-see@127.0.0.1:5432/erp',
};

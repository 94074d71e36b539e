import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { DEFAULTS } from '../../src/config/defaults.ts';
import { NO_FIELD_SETTINGS } from '../../src/mapping/mapping.ts';
import { loadConfig, parseConfig } from '../../src/config/load.ts';
import { outlineModels } from '../../src/config/prisma-models.ts';
import { SCHEMA, type SchemaNode, resolved } from '../../src/config/schema.ts';
import type { Snapshot } from '../../src/domain/configuration.ts';
import { BASE_FILE, ENVIRONMENT } from './base-file.ts';

const FILE = new URL('routes.config.yaml', import.meta.url).pathname;
const ROOT = new URL('../../', import.meta.url).pathname;

function parsed(text: string, env: Record<string, string> = ENVIRONMENT, file = FILE): Snapshot {
  const result = parseConfig(text, file, env);
  if (!result.ok)
    throw new Error(result.problems.map(({ path, message }) => `${path}: ${message}`).join('\n'));
  return result.snapshot;
}

t.test('units become numbers, paths become absolute, and what is not said takes its default', (t) => {
  const { server, upstream, stores, control, resources, operations, hash } = parsed(BASE_FILE);
  t.match(server, { host: '127.0.0.1', port: 8080, bodyLimit: 1_048_576, replica: null, shutdown: 20_000 });
  t.equal(upstream, null);
  t.equal(control, 'new');
  t.match(hash, /^[0-9a-f]{64}$/);
  t.same(stores['new'], {
    kind: 'prisma',
    url: ENVIRONMENT.DATABASE_URL,
    ownerUrl: ENVIRONMENT.DATABASE_URL,
    reportsUrl: null,
    schema: join(ROOT, 'prisma/schema.prisma'),
    timeout: 5_000,
    deadline: 15_000,
    pool: { max: 20, wait: 5_000 },
    statementTimeout: 5_000,
    slowQueries: { above: 500, plan: true },
    retry: null,
    breaker: null,
  });
  t.match(stores['erp-legacy'], {
    kind: 'supabase',
    key: ENVIRONMENT.SUPABASE_SERVICE_ROLE_KEY,
    pool: { max: 20 },
  });
  t.match(resources[0], {
    name: 'clients',
    fields: {
      case: 'snake',
      rename: { phone: 'tel' },
      types: { revenue: { type: 'decimal', as: 'number' } },
    },
    query: { sort: ['createdAt', 'name'], defaultSort: '-createdAt', pageSize: 50, maxPageSize: 200 },
    shadow: { sample: 1, ignore: ['updatedAt'] },
    live: { sample: 0.05 },
    guards: { shadowReads: 1000, mismatches: 0.001, lag: 2_000 },
    switch: { hold: 10_000, budget: 20_000 },
    ack: 'both',
    backfill: { start: 'manual', chunk: 500 },
  });
  t.same(resources[1], {
    name: 'services',
    path: '/api/services',
    mode: 'shadow',
    envelope: 'none',
    legacy: { store: 'erp-legacy', table: 'services', key: 'id' },
    new: { store: 'new', model: 'Service', softDelete: null },
    ids: { public: null, legacy: null, new: null },
    fields: NO_FIELD_SETTINGS,
    query: {
      filters: [],
      sort: [],
      statistics: [],
      statisticsFromRows: false,
      defaultSort: null,
      pageSize: 50,
      maxPageSize: 500,
    },
    shadow: { sample: 1, ignore: [] },
    live: { sample: 0.1 },
    guards: { shadowReads: 1000, mismatches: 0, lag: 2_000 },
    switch: { hold: 20_000, budget: 18_000 },
    ack: 'primary',
    backfill: { start: 'auto', chunk: 1000 },
    deadLetters: { attempts: 6, backoff: 500, longest: 60_000 },
    verify: { start: 'auto' },
    access: { tenant: null, stamp: {}, roles: {}, anonymous: [], audit: false },
    schemas: {},
    batch: null,
    versions: [],
    cache: null,
    rateLimit: null,
  });
  t.match(operations, [
    {
      name: 'merge-clients',
      method: 'POST',
      sides: {
        legacy: { module: join(ROOT, 'test/config/base-file.ts') },
        new: { module: join(ROOT, 'test/config/base-file.ts') },
      },
      mode: null,
      safe: false,
    },
  ]);
  t.end();
});

t.test('a snapshot cannot be changed, at any depth', (t) => {
  const snapshot = parsed(BASE_FILE) as unknown as { resources: { query: { filters: string[] } }[] };
  t.throws(() => snapshot.resources.pop(), TypeError);
  t.throws(() => snapshot.resources[0]?.query.filters.push('name'), TypeError);
  t.end();
});

t.test('the environment fills in numbers and texts, wins over a default, and never becomes YAML', (t) => {
  const env = {
    ...ENVIRONMENT,
    PORT: '9000',
    LEGACY_API_URL: 'http://legacy.example.com',
    DATABASE_OWNER_URL: '',
  };
  const withPool = BASE_FILE.replace('max: 20,', 'max: "${POOL:-7}",');
  const { server, upstream, stores } = parsed(withPool, env);
  t.equal(server.port, 9000);
  t.equal(upstream, 'http://legacy.example.com');
  t.match(stores['new'], { pool: { max: 7 } });
  const odd = 'postgresql://u:p@h/db?x=#y: {z}, "q"';
  t.match(parsed(BASE_FILE, { ...env, DATABASE_OWNER_URL: odd }).stores['new'], { ownerUrl: odd });
  t.match(parsed(BASE_FILE, { ...env, SUPABASE_SERVICE_ROLE_KEY: '123456' }).stores['erp-legacy'], {
    key: '123456',
  });
  const parts = BASE_FILE.replace('url: ${DATABASE_URL}', 'url: postgresql://gw:${PW}@db:${P:-5432}/erp');
  t.match(parsed(parts, { ...env, PW: 'x' }).stores['new'], { url: 'postgresql://gw:x@db:5432/erp' });
  t.end();
});

t.test('anchors, merge keys, a byte order mark and Windows line ends are fine', (t) => {
  const shared = BASE_FILE.replace('switch: { hold: 10s', 'switch: &patience { hold: 9s').replace(
    'mode: shadow',
    'mode: shadow\n    switch: { <<: *patience, budget: 19s }',
  );
  t.match(parsed(shared).resources[1], { switch: { hold: 9_000, budget: 19_000 } });
  t.equal(parsed(`\uFEFF${BASE_FILE.replaceAll('\n', '\r\n')}`).resources.length, 2);
  t.end();
});

t.test('a mistake in a merged mapping is placed where it stands', (t) => {
  const text = BASE_FILE.replace('switch: { hold: 10s', 'switch: &patience { hold: 10').replace(
    'mode: shadow',
    'mode: shadow\n    switch: *patience',
  );
  const result = parseConfig(text, FILE, ENVIRONMENT);
  t.match(result.ok ? [] : result.problems, [
    { path: 'resources.clients.switch.hold', line: 43 },
    { path: 'resources.services.switch.hold', line: 43 },
  ]);
  t.end();
});

t.test('the first field of "sort" is the default order, unless one is named', (t) => {
  const text = BASE_FILE.replace('      defaultSort: -createdAt\n', '');
  t.equal(parsed(text).resources[0]?.query.defaultSort, '-createdAt');
  t.equal(
    parsed(BASE_FILE.replace('defaultSort: -createdAt', 'defaultSort: name')).resources[0]?.query.defaultSort,
    'name',
  );
  t.end();
});

t.test('a file that cannot be read is a problem, not an exception', (t) => {
  const folder = t.testdir();
  writeFileSync(join(folder, 'latin1.yaml'), Buffer.from([0x61, 0x3a, 0x20, 0xe9]));
  const found = (file: string) => {
    const result = loadConfig({ file, env: {} });
    return result.ok ? null : result.problems[0]?.found;
  };
  t.equal(found(join(folder, 'missing.yaml')), 'no file');
  t.equal(found(folder), 'a folder');
  t.equal(found(join(folder, 'latin1.yaml')), 'a file that is not UTF-8');
  t.end();
});

t.test('aliases that multiply without end are refused', (t) => {
  const rows = Array.from({ length: 12 }, (_, i) => `a${i + 1}: &a${i + 1} [${`*a${i}, `.repeat(9)}*a${i}]`);
  const result = parseConfig(`a0: &a0 x\n${rows.join('\n')}\n`, FILE, {});
  t.match(result.ok ? [] : result.problems, [{ found: 'more than 100000 values' }]);
  t.end();
});

t.test('nesting of thousands of levels is refused', (t) => {
  for (const text of ['['.repeat(50_000), `a: ${'{a: '.repeat(200)}`, '- '.repeat(20_000)]) {
    t.equal(parseConfig(text, FILE, {}).ok, false);
  }
  t.end();
});

t.test("the quick start's own file is right, and needs three variables only", (t) => {
  const file = join(ROOT, 'routes.config.yaml');
  const snapshot = parsed(readFileSync(file, 'utf8'), ENVIRONMENT, file);
  t.same(
    snapshot.resources.map(({ name, path, envelope }) => [name, path, envelope]),
    ['clients', 'services', 'engagements', 'companies', 'leads'].map((name) => [
      name,
      `/api/${name}`,
      'success-data',
    ]),
  );
  t.end();
});

t.test('the defaults that the schema tells are the ones that hold', (t) => {
  const { server, auth, operation, store, prisma, resource } = DEFAULTS;
  const { fieldType, fieldDefault, ...settings } = resource;
  const told = new Map<string, unknown>();
  collectDefaults(resolved(SCHEMA.definitions?.['server'] ?? {}), 'server', told);
  collectDefaults(resolved(SCHEMA.definitions?.['auth'] ?? {}), 'auth', told);
  collectDefaults(resolved(SCHEMA.definitions?.['operation'] ?? {}), 'operation', told);
  collectDefaults(resolved(SCHEMA.definitions?.['prismaStore'] ?? {}), 'store', told);
  collectDefaults(resolved(SCHEMA.definitions?.['resource'] ?? {}), 'resource', told);
  collectDefaults(resolved(SCHEMA.definitions?.['fieldType'] ?? {}), 'fieldType', told);
  collectDefaults(resolved(SCHEMA.definitions?.['fieldDefault'] ?? {}), 'fieldDefault', told);
  const held = new Map<string, unknown>();
  flatten(
    { server, auth, operation, store: { ...store, ...prisma }, resource: settings, fieldType, fieldDefault },
    '',
    held,
  );
  t.same(Object.fromEntries([...told].sort()), Object.fromEntries([...held].sort()));
  t.end();
});

t.test('every setting of the schema has a description', (t) => {
  const silent: string[] = [];
  const visit = (node: SchemaNode, path: string) => {
    for (const [name, member] of Object.entries(node.properties ?? {})) {
      if (!resolved(member).description) silent.push(`${path}.${name}`);
      visit(member, `${path}.${name}`);
    }
    for (const part of [node.additionalProperties, node.else, node.items]) {
      if (typeof part === 'object') visit(part, path);
    }
  };
  visit(SCHEMA, '');
  for (const [name, node] of Object.entries(SCHEMA.definitions ?? {})) visit(node, name);
  t.same(silent, []);
  t.end();
});

t.test(
  'the outline of a Prisma schema has scalar fields, enums and lists, and no relations or attributes',
  (t) => {
    const models = outlineModels(`
// model Not { id Int }
enum Stage {
  open
}
/// A client { with a brace
model Client {
  id    String @id @default(dbgenerated("gen_random_uuid()")) // the key
  tags  String[] @default([])
  meta  Json? @default("{}")
  stage Stage
  geo   Unsupported("point")?
  // gone String
  orders Order[]
  @@index([stage])
}
model Order {
  id Int @id
  client Client @relation(fields: [clientId], references: [id])
  clientId String
}
model Line {
  order Int
  number Int
  text String
  @@id([order, number], name: "place")
}
model Shelf {
  row Int
  place Int
  label String
  @@id(name: "where", fields: [row, place])
}
`);
    t.same([...models.keys()], ['Client', 'Order', 'Line', 'Shelf']);
    for (const name of ['Line', 'Shelf'])
      t.same(
        [...(models.get(name) ?? [])].map(([, { key }]) => key),
        [true, true, false],
      );
    t.same([...(models.get('Client')?.keys() ?? [])], ['id', 'tags', 'meta', 'stage', 'geo']);
    const tags = { type: 'String', list: true, optional: false, key: false, uuid: false };
    t.same(models.get('Client')?.get('tags'), tags);
    t.match(
      [models.get('Client')?.get('meta'), models.get('Client')?.get('id')],
      [{ optional: true }, { key: true }],
    );
    t.same([...(models.get('Order')?.keys() ?? [])], ['id', 'clientId']);
    t.end();
  },
);

function collectDefaults(node: SchemaNode, path: string, into: Map<string, unknown>) {
  for (const [name, member] of Object.entries(node.properties ?? {})) {
    const whole = resolved(member);
    if (whole.default !== undefined) into.set(`${path}.${name}`, whole.default);
    collectDefaults(whole, `${path}.${name}`, into);
  }
}

function flatten(value: unknown, path: string, into: Map<string, unknown>) {
  const isTable =
    typeof value === 'object' && value !== null && !Array.isArray(value) && Object.keys(value).length > 0;
  if (!isTable) into.set(path, value);
  else
    for (const [name, member] of Object.entries(value))
      flatten(member, path ? `${path}.${name}` : name, into);
}

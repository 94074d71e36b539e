import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import t, { type Test } from 'tap';
import { modeOf, moveByFile, ROAD_BACK, ROAD_UP, send } from '../harness/api.ts';
import { type GatewayProcess, startGateway, testConfig, type TestConfig } from '../harness/gateway.ts';
import { ROOT } from '../harness/postgres.ts';
import { createTwoSides, type SidesOptions, type TwoSides } from '../harness/two-sides.ts';
import { until } from '../harness/wait.ts';

/** In the order in which they move (E1). */
const RESOURCES = ['clients', 'services', 'engagements', 'companies', 'leads'] as const;
type Resource = (typeof RESOURCES)[number];

interface Erp {
  sides: TwoSides;
  config: TestConfig;
  gateway: GatewayProcess;
}

async function startErp(t: Test, options: SidesOptions & { operations?: boolean } = {}): Promise<Erp> {
  const sides = await createTwoSides(t, options);
  const config = await testConfig(t, [], options);
  return { sides, config, gateway: await startGateway(t, { config, env: sides.env }) };
}

let serial = 0;

/** A record of each resource that a client could send; references are given. */
function sample(resource: Resource, ids: Partial<Record<Resource, string>>): Record<string, unknown> {
  serial += 1;
  const samples: Record<Resource, Record<string, unknown>> = {
    clients: {
      name: `Élodie "Lou" O’Neill 🌳 ${serial}`,
      email: `client${serial}@example.fr`,
      phone: '+33 1 23 45 67 89',
      siret: String(serial).padStart(14, '7'),
      tags: ['vip', 'a,b', 'says "hi"', '{brace}', 'back\\slash', ''],
      address: {
        street: '1, rue de l’Église',
        geo: { lat: 48.85, lng: 2.35 },
        old_key: [1, null, { snake_case: true }],
      },
      metadata: { camelKey: { nested_key: [{ a: 1 }] }, empty: {} },
      revenue: 1234567890123.45,
      notes: '',
    },
    services: { code: `S-${serial}`, name: 'Taille', price: 120.5, tags: ['x'], options: { a_b: [1] } },
    engagements: {
      reference: `E-${serial}`,
      clientId: ids.clients,
      serviceId: ids.services,
      scheduledAt: '2026-03-04T05:06:07.123456Z',
    },
    companies: { name: `Société ${serial}`, siret: String(serial).padStart(14, '9') },
    leads: { name: `Prospect ${serial}`, email: `lead${serial}@example.fr` },
  };
  return samples[resource];
}

async function create(gateway: GatewayProcess, resource: Resource, ids: Partial<Record<Resource, string>>) {
  const answer = await send(gateway.url, 'POST', `/api/${resource}`, sample(resource, ids));
  if (answer.status !== 201)
    throw new Error(`POST ${resource}: ${answer.status} ${JSON.stringify(answer.body)}`);
  return answer.body.data as Record<string, unknown> & { id: string };
}

t.test(
  'E1: the five resources move in their order, each with one migration of its own, and all the way back',
  async (t) => {
    const folders = (await readdir(join(ROOT, 'prisma/migrations')))
      .filter((name) => !name.includes('.'))
      .sort();
    t.same(
      folders.map((name) => name.replace(/^\d+_/, '')),
      RESOURCES,
      'one migration per resource, in order',
    );
    const { sides, config, gateway } = await startErp(t, { scale: 0.005, migrate: false });
    const ids: Partial<Record<Resource, string>> = {};
    for (const mode of ROAD_UP) {
      for (const resource of RESOURCES) {
        await moveByFile(config, sides.new, resource, mode);
        ids[resource] = (await create(gateway, resource, ids)).id;
      }
    }
    for (const mode of ROAD_BACK) {
      for (const resource of [...RESOURCES].reverse()) await moveByFile(config, sides.new, resource, mode);
      for (const resource of RESOURCES) ids[resource] = (await create(gateway, resource, ids)).id;
    }
    for (const resource of RESOURCES) {
      t.equal(
        (await send(gateway.url, 'GET', `/api/${resource}/${ids[resource]}`)).servedBy,
        'legacy',
        `${resource} is back`,
      );
    }
  },
);

t.test('E2, E3, E7, E9: URLs, envelope, names and native types stay the same in every mode', async (t) => {
  const { sides, config, gateway } = await startErp(t);
  const ids: Partial<Record<Resource, string>> = {};
  ids.clients = (await create(gateway, 'clients', ids)).id;
  const given = sample('clients', ids);
  const made = (await send(gateway.url, 'POST', '/api/clients', given)).body.data;
  t.match(made, given, 'E3: camelCase and nested documents come back as they were given');
  for (const mode of ['legacy', ...ROAD_UP, ...ROAD_BACK]) {
    if (mode !== (await modeOf(sides.new, 'clients'))) await moveByFile(config, sides.new, 'clients', mode);
    await t.test(`in mode ${mode}`, async (t) => {
      const detail = await send(gateway.url, 'GET', `/api/clients/${made.id}`);
      t.same(detail.body, { success: true, data: made }, 'E2: the same record in the same envelope');
      const list = await send(gateway.url, 'GET', '/api/clients?sort=email&limit=10');
      t.equal(list.body.success, true);
      t.ok(
        list.body.data.some((record: { id: string }) => record.id === made.id),
        'E9: the list has it',
      );
      const fresh = await create(gateway, 'clients', ids);
      const again = await send(gateway.url, 'GET', `/api/clients/${fresh.id}`);
      t.same(again.body.data, fresh, 'E9: create, refresh, still there');
      const missing = await send(gateway.url, 'GET', '/api/clients/00000000-0000-4000-8000-000000000000');
      t.match(
        [missing.status, missing.body],
        [404, { success: false, error: { code: 'not-found' } }],
        'E2: errors in the envelope',
      );
      const wrong = await send(gateway.url, 'POST', '/api/clients', { name: 'x', emial: 'y' });
      t.match([wrong.status, wrong.body.success, wrong.body.error.code], [400, false, 'validation-failed']);
      const taken = await send(gateway.url, 'POST', '/api/clients', {
        ...sample('clients', ids),
        email: made.email,
      });
      t.match(
        [taken.status, taken.body.error.code],
        [409, 'duplicate'],
        'a unique value is unique in every mode',
      );
    });
  }
  const query = `SELECT tags, address::text AS address, pg_typeof(tags)::text AS list, pg_typeof(address)::text AS document FROM clients WHERE id = $1`;
  const [legacy] = await sides.legacy.database.query(query, [made.id]);
  const [fresh] = await sides.new.query(query, [made.id]);
  t.same(fresh, legacy, 'E7: TEXT[] and JSONB are the same on both sides');
  t.match(fresh, { list: 'text[]', document: 'jsonb', tags: given.tags }, 'E7: and native');
});

t.test(
  'E4: pool, waiting time and statement timeout are configuration, and slow statements are logged with their plan',
  async (t) => {
    const sides = await createTwoSides(t);
    const config = await testConfig(t, [
      [/pool: \{ max: 20, wait: 5s \}/, 'pool: { max: 1, wait: 300ms }'],
      [/statementTimeout: 2s/, 'statementTimeout: 400ms'],
      [/slowQueries: \{ above: 500ms \}/, 'slowQueries: { above: 100ms, plan: true }'],
    ]);
    const gateway = await startGateway(t, { config, env: sides.env });
    const { id } = await create(gateway, 'clients', {});
    for (const mode of ROAD_UP) await moveByFile(config, sides.new, 'clients', mode);
    const blocker = new pg.Client({ connectionString: sides.new.url });
    await blocker.connect();
    t.teardown(() => blocker.end());
    const change = async () => await send(gateway.url, 'PATCH', `/api/clients/${id}`, { name: 'slow' });
    await blocker.query('BEGIN');
    await blocker.query('SELECT 1 FROM clients FOR UPDATE');
    const [first, second] = await Promise.all([change(), change()]);
    t.same(
      [first.status, second.status].sort(),
      [503, 504],
      'one statement ran into its limit, one waited in vain for the only connection',
    );
    const held = change();
    await blocker.query('SELECT pg_sleep(0.2)');
    await blocker.query('COMMIT');
    t.equal((await held).status, 200);
    await until(() => /Update on .*clients/i.test(gateway.output()), {
      what: 'the plan of the slow statement is in the log',
    });
  },
);

t.test('E5: an appointment and its side effects are one transaction on the new side', async (t) => {
  const { sides, config, gateway } = await startErp(t, { operations: true });
  const client = await create(gateway, 'clients', {});
  const service = await create(gateway, 'services', {});
  const ids = { clients: client.id, services: service.id };
  const book = async (changes: Record<string, unknown> = {}) =>
    await send(gateway.url, 'POST', '/api/appointments', {
      engagement: { ...sample('engagements', ids), ...changes },
    });
  t.match((await book()).body.data, { client: { engagementCount: 1 } }, 'in mode legacy it works as before');
  for (const mode of ['dual-write', 'shadow', 'live'] as const) {
    for (const resource of ['clients', 'services', 'engagements'] as const)
      await moveByFile(config, sides.new, resource, mode);
  }
  const many = await Promise.all(Array.from({ length: 10 }, async () => await book()));
  t.ok(many.every(({ status, servedBy }) => status === 200 && servedBy === 'new'));
  const count = async () =>
    (await send(gateway.url, 'GET', `/api/clients/${client.id}`)).body.data.engagementCount;
  t.equal(await count(), 11, 'ten at once are counted ten times');
  const engagements = async () =>
    (await send(gateway.url, 'GET', '/api/engagements?total=true')).body.pagination.total;
  const before = await engagements();
  const reference = many[0]?.body.data.engagement.reference;
  t.equal((await book({ reference })).status, 409, 'the second half fails');
  t.same([await count(), await engagements()], [11, before], 'and nothing of it is there');
  await until(async () => (await sides.new.query('SELECT 1 FROM banyan.mark')).length === 0, {
    what: 'legacy follows',
  });
  const [legacy] = await sides.legacy.database.query('SELECT engagement_count FROM clients WHERE id = $1', [
    client.id,
  ]);
  t.same(legacy, { engagement_count: 11 }, 'the marks of the transaction brought legacy to the same state');
  const token = { 'idempotency-key': 'appointment-1' };
  const body = { engagement: sample('engagements', ids) };
  const first = await send(gateway.url, 'POST', '/api/appointments', body, token);
  const again = await send(gateway.url, 'POST', '/api/appointments', body, token);
  t.same(again.body, first.body, 'a repeat is answered, not done');
  t.equal(await count(), 12);
});

t.test(
  'E6: searches by email and siret and the joins have indexes, and NOT NULL agrees with validation at the edge',
  async (t) => {
    const { sides, gateway } = await startErp(t);
    const indexes = await sides.new.query<{ definition: string }>(
      `SELECT indexdef AS definition FROM pg_indexes WHERE schemaname = 'public'`,
    );
    const has = (table: string, column: string) =>
      indexes.some(({ definition }) =>
        new RegExp(`ON public\\.${table} .*\\(${column}[,)]`).test(definition),
      );
    for (const [table, column] of [
      ['clients', 'email'],
      ['clients', 'siret'],
      ['companies', 'siret'],
      ['leads', 'email'],
      ['engagements', 'client_id'],
      ['engagements', 'service_id'],
    ] as const) {
      t.ok(has(table, column), `${table}(${column}) has an index`);
    }
    const columns = await sides.new.query<{ table: string; column: string }>(
      `SELECT table_name AS table, column_name AS column FROM information_schema.columns
     WHERE table_schema = 'public' AND is_nullable = 'NO' AND column_default IS NULL AND table_name = ANY($1)`,
      [RESOURCES],
    );
    for (const resource of RESOURCES) {
      const required = columns
        .filter(({ table }) => table === resource)
        .map(({ column }) => camel(column))
        .filter((name) => name !== 'updatedAt');
      const answer = await send(gateway.url, 'POST', `/api/${resource}`, {});
      const named = (answer.body.error.details as { field: string }[]).map(({ field }) => field);
      t.same(
        [answer.status, named.sort()],
        [400, required.sort()],
        `${resource}: what the database demands is demanded at the edge`,
      );
    }
  },
);

const camel = (column: string) => column.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());

t.test('E8: owner, gateway and reports are separate accounts of the new database', async (t) => {
  const { sides, gateway } = await startErp(t);
  await create(gateway, 'clients', {});
  const as = async (account: 'owner' | 'gateway' | 'reports', text: string) => {
    const client = new pg.Client({ connectionString: sides.new.accounts[account] });
    await client.connect();
    try {
      await client.query(text);
      return 'allowed';
    } catch (error) {
      return (error as { code: string }).code;
    } finally {
      await client.end();
    }
  };
  const insert = `INSERT INTO clients (name, email, updated_at) VALUES ('a', 'a@b', now())`;
  t.equal(await as('gateway', insert), 'allowed', 'the gateway writes records');
  t.equal(await as('gateway', 'ALTER TABLE clients ADD COLUMN x int'), '42501', 'but not the schema');
  t.equal(await as('owner', 'ALTER TABLE clients ADD COLUMN x int'), 'allowed', 'the owner does');
  t.equal(await as('reports', 'SELECT count(*) FROM clients'), 'allowed', 'reports read');
  t.equal(await as('reports', insert), '42501', 'and write nothing');
  t.equal(await as('reports', 'SELECT * FROM banyan.mark'), '42501', 'nor see the journal');
});

t.test('E10: at the end of the road Supabase is switched off and every endpoint still answers', async (t) => {
  const { sides, config, gateway } = await startErp(t, { scale: 0.005 });
  const ids: Partial<Record<Resource, string>> = {};
  for (const resource of RESOURCES) ids[resource] = (await create(gateway, resource, ids)).id;
  for (const mode of ROAD_UP)
    for (const resource of RESOURCES) await moveByFile(config, sides.new, resource, mode);
  await sides.legacy.supabase.stop();
  for (const resource of RESOURCES) {
    const detail = await send(gateway.url, 'GET', `/api/${resource}/${ids[resource]}`);
    t.match([detail.status, detail.servedBy], [200, 'new'], `GET ${resource}/:id`);
    t.equal((await send(gateway.url, 'GET', `/api/${resource}`)).status, 200, `GET ${resource}`);
    const made = await create(gateway, resource, ids);
    const { id, createdAt, updatedAt, ...rest } = made;
    t.equal(
      (await send(gateway.url, 'PUT', `/api/${resource}/${id}`, rest)).status,
      200,
      `PUT ${resource}/:id`,
    );
    t.equal(
      (await send(gateway.url, 'PATCH', `/api/${resource}/${made.id}`, change(resource))).status,
      200,
      `PATCH ${resource}/:id`,
    );
    t.equal(
      (await send(gateway.url, 'DELETE', `/api/${resource}/${made.id}`)).status,
      200,
      `DELETE ${resource}/:id`,
    );
    t.equal(
      (await send(gateway.url, 'GET', `/api/${resource}/${made.id}`)).status,
      404,
      'a deleted record is gone',
    );
  }
  t.equal(
    (await send(gateway.url, 'GET', '/rest/v1/clients')).status,
    502,
    'only what was passed through is gone',
  );
});

function change(resource: Resource): Record<string, unknown> {
  serial += 1;
  return resource === 'engagements' ? { reference: `changed ${serial}` } : { name: `changed ${serial}` };
}

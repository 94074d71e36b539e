import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SignJWT } from 'jose';
import t from 'tap';
import { localEngine, type ComplianceEngine } from '../../examples/novacrm/compliance/engine.ts';
import { schemaDifference } from '../../src/stores/prisma/migrate.ts';
import { modeOf, moveByFile, ROAD_BACK, ROAD_UP, send } from '../harness/api.ts';
import { startGateway, type GatewayProcess } from '../harness/gateway.ts';
import { ROOT, type Teardown } from '../harness/postgres.ts';
import { until } from '../harness/wait.ts';
import { startLoad } from '../load/load.ts';
import { versionsOf } from '../load/subjects.ts';
import { compileClients } from './novacrm/client.ts';
import {
  bearer,
  FOLDER,
  SECRET,
  startCompliance,
  startNovaCrm,
  taskSubject,
  type NovaCrm,
} from './novacrm/place.ts';

/** In the order in which they move. */
const RESOURCES = ['accounts', 'contacts', 'deals', 'deal-contacts', 'tasks'] as const;
type Resource = (typeof RESOURCES)[number];
type Made = Partial<Record<Resource, Record<string, unknown>>>;

interface Running extends NovaCrm {
  gateway: GatewayProcess;
  admin: Record<string, string>;
}

async function start(
  t: Teardown,
  options: { scale?: number; migrate?: boolean; env?: Record<string, string> } = {},
): Promise<Running> {
  const crm = await startNovaCrm(t, options);
  const gateway = await startGateway(t, { config: crm.config, env: { ...crm.env, ...options.env } });
  return { ...crm, gateway, admin: await bearer('admin') };
}

/** What the compliance service runs; a test may give it another engine. */
let engine: ComplianceEngine = localEngine;
const service = await startCompliance(t, { check: (request) => engine.check(request) });
/** One gateway for all lines but the long roads. */
const shared = await start(t, { scale: 0.02, migrate: false, env: { COMPLIANCE_URL: service.url } });

let serial = 0;

/** A body of each resource; `made` has the records that it refers to. */
function sample(resource: Resource, made: Made): Record<string, unknown> {
  serial += 1;
  const samples: Record<Resource, Record<string, unknown>> = {
    accounts: {
      name: `Société ${serial} "É"`,
      vatNumber: `XX${serial}`,
      country: 'FR',
      segment: 'enterprise',
      annualRevenue: 1234567.8901,
      createdAt: '2026-05-06T07:08:09.123Z',
    },
    contacts: {
      accountId: made.accounts?.id,
      email: `c${serial}@novacrm.example`,
      fullName: 'Élodie O’Neill',
      consent: true,
      score: 5,
      tags: ['a,b', 'says "hi"', ''],
      notes: null,
    },
    deals: {
      accountId: made.accounts?.id,
      title: `Deal ${serial}`,
      stage: 'in negotiation',
      amount: 19.9,
      closesOn: '2026-12-24',
      details: { snake_case: [1, null, { a: 'ü' }] },
    },
    'deal-contacts': {
      dealId: made.deals?.id,
      contactId: made.contacts?.id,
      role: 'gate~keeper',
      weight: 0.25,
    },
    tasks: { dealId: made.deals?.id, title: 'Call', dueOn: '2026-11-30', done: false, priority: 2 },
  };
  return samples[resource];
}

async function create({ gateway, admin }: Running, resource: Resource, made: Made) {
  const body = sample(resource, made);
  const answer = await send(gateway.url, 'POST', `/api/v1/${resource}`, body, admin);
  if (answer.status !== 201)
    throw new Error(`POST ${resource}: ${answer.status} ${JSON.stringify(answer.body)}`);
  return { body, record: answer.body as Record<string, unknown> };
}

function pathOf(resource: Resource, record: Record<string, unknown>): string {
  const id =
    resource === 'deal-contacts' ? `${String(record.dealId)}~${String(record.contactId)}` : String(record.id);
  return `/api/v1/${resource}/${id}`;
}

t.test('N1: routes by domain under /api/v1, an OpenAPI document of them, and a page for it', async (t) => {
  const { gateway } = shared;
  const document = (await send(gateway.url, 'GET', '/openapi.json')).body;
  for (const resource of RESOURCES) {
    t.ok(document.paths[`/api/v1/${resource}`]?.post, `${resource} can be created`);
    t.ok(document.paths[`/api/v1/${resource}/{id}`]?.get, `${resource} can be read`);
  }
  t.ok(document.paths['/api/v1/compliance/checks']?.post, 'operations too');
  t.match(document.components.securitySchemes, { token: { type: String } });
  const page = await fetch(`${gateway.url}/docs`);
  t.match([page.status, page.headers.get('content-type')], [200, /html/]);
});

t.test('N2: types for the front end are made from that document, and compile a client', async (t) => {
  const { right, wrong } = await compileClients(t, shared);
  t.same(right, []);
  t.equal(wrong.length, 3, 'each wrong call is refused');
});

t.test(
  'N3: every resource moves from SQLite to Postgres and back, and answers the same at every step',
  async (t) => {
    t.same(
      (await readdir(join(FOLDER, 'prisma/migrations')))
        .filter((name) => !name.includes('.'))
        .map((name) => name.replace(/^\d+_/, '')),
      ['accounts', 'contacts', 'deals', 'deal_contacts', 'tasks', 'pipeline'],
      'one migration per resource',
    );
    const crm = await start(t, { scale: 0.02 });
    t.equal(
      await schemaDifference({ url: crm.new.accounts.owner, schema: join(FOLDER, 'prisma/schema.prisma') }),
      '',
      'migrations and models agree',
    );
    const made: Made = {};
    const walk = async (mode: string, order: readonly Resource[]) => {
      for (const resource of order) await moveByFile(crm.config, crm.new, resource, mode);
      for (const resource of RESOURCES) {
        const { body, record } = await create(crm, resource, made);
        t.match(record, body, `${resource} in ${mode}`);
        made[resource] = record;
        const path = pathOf(resource, record);
        t.same((await send(crm.gateway.url, 'GET', path, undefined, crm.admin)).body, record, 'read again');
      }
    };
    const first: Made = {};
    for (const resource of RESOURCES) {
      made[resource] = (await create(crm, resource, made)).record;
      first[resource] = made[resource];
    }
    for (const mode of ROAD_UP) await walk(mode, RESOURCES);
    for (const resource of RESOURCES) {
      const answer = await send(
        crm.gateway.url,
        'GET',
        pathOf(resource, first[resource] ?? {}),
        undefined,
        crm.admin,
      );
      t.equal(answer.servedBy, 'new');
      t.same(answer.body, first[resource], `${resource} from before is the same on the new side`);
    }
    for (const mode of ROAD_BACK) await walk(mode, [...RESOURCES].reverse());
    t.equal(
      (crm.legacy
        .prepare('SELECT count(*) FROM deal_contacts WHERE role = ?')
        .pluck()
        .get('gate~keeper') as number) > 8,
      true,
    );
  },
);

t.test(
  'N3: a record is known by both parts of its composite key, which may be changed by neither',
  async (t) => {
    const crm = await start(t);
    const { gateway, admin } = crm;
    const made: Made = {};
    for (const resource of RESOURCES.slice(0, 4)) made[resource] = (await create(crm, resource, made)).record;
    for (const mode of ['dual-write', 'shadow', 'live'] as const)
      for (const resource of RESOURCES.slice(0, 4)) await moveByFile(crm.config, crm.new, resource, mode);
    const link = made['deal-contacts'] ?? {};
    const path = pathOf('deal-contacts', link);
    const other = { ...sample('deal-contacts', made), contactId: 999_999 };
    t.equal((await send(gateway.url, 'PUT', path, other, admin)).status, 400);
    t.equal(
      (await send(gateway.url, 'POST', '/api/v1/deal-contacts', sample('deal-contacts', made), admin)).status,
      409,
    );
    t.match((await send(gateway.url, 'PATCH', path, { role: 'changed' }, admin)).body, {
      ...link,
      role: 'changed',
    });
    for (const wrong of ['5', '1~2~3', 'a~b']) {
      t.equal(
        (await send(gateway.url, 'GET', `/api/v1/deal-contacts/${wrong}`, undefined, admin)).status,
        400,
        wrong,
      );
    }
    // Somebody changes a part of the key past the gateway: the old key and the new one are marked.
    const contact = (await create(crm, 'contacts', made)).record;
    await crm.new.query('UPDATE deal_contacts SET contact_id = $1 WHERE deal_id = $2', [
      contact.id,
      link.dealId,
    ]);
    const inLegacy = () =>
      crm.legacy.prepare('SELECT contact FROM deal_contacts WHERE deal = ?').pluck().all(link.dealId);
    await until(() => JSON.stringify(inLegacy()) === JSON.stringify([contact.id]), {
      what: 'legacy has the new key and not the old one',
    });
    t.same(inLegacy(), [contact.id]);
  },
);

t.test(
  'N3: a contact that is deleted stays in Postgres with its moment, and is gone for everybody',
  async (t) => {
    const crm = await start(t);
    const { gateway, admin } = crm;
    const kept = (await create(crm, 'contacts', {})).record;
    const { record } = await create(crm, 'contacts', {});
    const path = pathOf('contacts', record);
    for (const mode of ['dual-write', 'shadow', 'live'] as const)
      for (const resource of ['accounts', 'contacts']) await moveByFile(crm.config, crm.new, resource, mode);
    t.equal((await send(gateway.url, 'DELETE', path, undefined, admin)).status, 200);
    t.equal((await send(gateway.url, 'GET', path, undefined, admin)).status, 404);
    t.equal((await send(gateway.url, 'DELETE', path, undefined, admin)).status, 404, 'once');
    const [row] = await crm.new.query('SELECT deleted_at FROM contacts WHERE id = $1', [record.id]);
    t.type(row?.deleted_at, Date);
    const inLegacy = crm.legacy.prepare('SELECT count(*) FROM contacts WHERE contact_id = ?').pluck();
    await until(() => inLegacy.get(record.id) === 0, { what: 'legacy has it no more' });
    for (const mode of ['shadow', 'dual-write', 'legacy'] as const)
      for (const resource of ['contacts', 'accounts']) await moveByFile(crm.config, crm.new, resource, mode);
    t.equal((await send(gateway.url, 'GET', path, undefined, admin)).status, 404);
    t.same((await send(gateway.url, 'GET', pathOf('contacts', kept), undefined, admin)).body, kept);
    const next = (await create(crm, 'contacts', {})).record;
    t.ok((next.id as number) > (record.id as number), 'an id is never given twice');
  },
);

t.test('N3: under load, the whole road up and down loses nothing', async (t) => {
  const crm = await start(t, { scale: 0.05 });
  const second = await startGateway(t, { config: crm.config, env: crm.env });
  const urls = [crm.gateway.url, second.url];
  const subject = taskSubject(crm.admin);
  for (const resource of RESOURCES.slice(0, 3)) await moveByFile(crm.config, crm.new, resource, 'dual-write');
  const load = await startLoad({ urls: () => urls, subject, clients: 4, seed: 3, idempotency: true });
  const progress = async () => {
    const before = load.report().reads;
    await until(() => load.report().reads > before + 20, { what: 'the load goes on' });
  };
  for (const mode of [...ROAD_UP, ...ROAD_BACK]) {
    await moveByFile(crm.config, crm.new, 'tasks', mode);
    await progress();
    if (mode === 'live') {
      await load.stop();
      await load.checkStore(
        'new',
        versionsOf(
          (text, keys) => crm.new.query(text, keys),
          'SELECT id::text AS key, priority AS version FROM tasks WHERE id = ANY ($1::uuid[])',
        ),
      );
      load.resume();
    }
  }
  await load.stop();
  const found = crm.legacy.prepare(
    'SELECT id AS key, priority AS version FROM tasks WHERE id IN (SELECT value FROM json_each(?))',
  );
  await load.checkStore('legacy', (keys) =>
    Promise.resolve(
      new Map(
        (found.all(JSON.stringify(keys)) as { key: string; version: number }[]).map(({ key, version }) => [
          key,
          version,
        ]),
      ),
    ),
  );
  const { lost, olderReads, wrongReads, unknown } = await load.checkApi(urls);
  t.same({ lost, olderReads, wrongReads, unknown }, { lost: [], olderReads: [], wrongReads: [], unknown: 0 });
});

t.test(
  'N3: the view is read and not written, and its resource cannot be moved to a side that decides',
  async (t) => {
    const crm = shared;
    const { gateway, admin } = crm;
    const { body } = await send(gateway.url, 'GET', '/api/v1/pipeline', undefined, admin);
    t.ok(JSON.stringify(body).includes('in negotiation'));
    for (const [method, path] of [
      ['POST', ''],
      ['PATCH', '/won'],
      ['DELETE', '/won'],
    ] as const) {
      const answer = await send(
        gateway.url,
        method,
        `/api/v1/pipeline${path}`,
        method === 'DELETE' ? undefined : method === 'POST' ? { stage: 'x', deals: 1 } : { deals: 1 },
        admin,
      );
      t.match(
        [answer.status, answer.body.error?.code, answer.headers.get('allow')],
        [405, 'read-only', /GET/],
        method,
      );
    }
    await moveByFile(crm.config, crm.new, 'pipeline', 'dual-write');
    await until(async () => (await crm.new.query('SELECT 1 FROM pipeline')).length >= 5, {
      what: 'the view is filled in',
    });
    await moveByFile(crm.config, crm.new, 'pipeline', 'shadow');
    await crm.config.setMode('pipeline', 'live');
    const refusal = await until(
      async () =>
        (
          await crm.new.query<{ refusal: string }>(
            "SELECT refusal FROM banyan.wanted WHERE resource = 'pipeline'",
          )
        )[0]?.refusal,
      { what: 'the step to live is refused' },
    );
    t.match(refusal, /view/);
    t.equal(await modeOf(crm.new, 'pipeline'), 'shadow');
  },
);

const CHECK = { country: 'FR', amount: '250000.00', consent: false };

t.test(
  'N4: the compliance engine moves from a module to a service, compared before, without a change of the API',
  async (t) => {
    const crm = shared;
    const ask = async (body: unknown = CHECK) =>
      await send(crm.gateway.url, 'POST', '/api/v1/compliance/checks', body, crm.admin);
    const local = await ask();
    t.match([local.status, local.body], [200, { ...(await localEngine.check(CHECK)), engine: 'module' }]);
    t.equal(service.asked(), 0, 'the module alone');
    const modeIs = async (mode: string) =>
      await crm.config.write(crm.config.text.replace(/(method: POST\n {4}mode: )\w+/, `$1${mode}`));
    await modeIs('shadow');
    await until(
      async () => {
        t.equal((await ask()).body.engine, 'module');
        return service.asked() > 0;
      },
      { what: 'both are asked' },
    );
    await modeIs('new');
    const remote = await until(
      async () => {
        const answer = await ask();
        return answer.body.engine === 'service' ? answer : null;
      },
      { what: 'the service answers' },
    );
    const { engine: _a, checkedAt: _b, ...there } = remote.body;
    const { engine: _c, checkedAt: _d, ...here } = local.body;
    t.same(there, here, 'the same report from either');
    const refused = await ask({ ...CHECK, country: 'France' });
    t.equal(refused.status, 400);
    await modeIs('legacy');
    await until(async () => (await ask()).body.engine === 'module', { what: 'the module again' });
  },
);

t.test('N4: where the two engines differ, the comparison says so before the switch', async (t) => {
  engine = { check: async (request) => ({ ...(await localEngine.check(request)), verdict: 'pass' }) };
  t.teardown(() => (engine = localEngine));
  const crm = shared;
  await crm.config.write(crm.config.text.replace(/(method: POST\n {4}mode: )\w+/, '$1shadow'));
  await until(
    async () => {
      await send(crm.gateway.url, 'POST', '/api/v1/compliance/checks', CHECK, crm.admin);
      const rows = await crm.new.query<{ found: string }>(
        "SELECT resource AS found FROM banyan.ledger WHERE resource LIKE 'operation:%' LIMIT 1",
      );
      return rows.length > 0;
    },
    { what: 'the difference is in the ledger' },
  );
  t.pass();
});

t.test('N5: tokens, roles, scopes and CORS', async (t) => {
  const { gateway, admin } = shared;
  const [viewer, sales] = [await bearer('viewer'), await bearer('sales')];
  const asked = async (method: string, path: string, headers: Record<string, string>, body?: unknown) =>
    (await send(gateway.url, method, path, body, headers)).status;
  const account = () => sample('accounts', {});
  t.equal(await asked('GET', '/api/v1/accounts', {}), 401, 'no token');
  t.equal(await asked('GET', '/api/v1/accounts', { authorization: 'Bearer no.token.atall' }), 401);
  t.equal(await asked('GET', '/api/v1/accounts', viewer), 200);
  t.equal(await asked('POST', '/api/v1/accounts', viewer, account()), 403);
  t.equal(await asked('POST', '/api/v1/compliance/checks', viewer, CHECK), 403);
  const made = await send(gateway.url, 'POST', '/api/v1/accounts', account(), sales);
  t.equal(made.status, 201);
  t.equal(await asked('DELETE', `/api/v1/accounts/${made.body.id}`, sales), 403);
  t.equal(await asked('DELETE', `/api/v1/accounts/${made.body.id}`, admin), 200);
  const token = (claims: Record<string, unknown>, expires: string, audience = 'novacrm-api') =>
    new SignJWT(claims)
      .setProtectedHeader({ alg: 'HS256' })
      .setIssuer('https://id.novacrm.example')
      .setAudience(audience)
      .setExpirationTime(expires)
      .sign(new TextEncoder().encode(SECRET));
  const with_ = async (text: Promise<string>) => ({ authorization: `Bearer ${await text}` });
  t.equal(
    await asked('POST', '/api/v1/accounts', await with_(token({ scope: 'openid sales' }, '1h')), account()),
    201,
    'a scope is a role',
  );
  t.equal(
    await asked('GET', '/api/v1/accounts', await with_(token({ roles: ['admin'] }, '-1h'))),
    401,
    'out of date',
  );
  t.equal(
    await asked('GET', '/api/v1/accounts', await with_(token({ roles: ['admin'] }, '1h', 'other'))),
    401,
    'for another service',
  );
  const preflight = await fetch(`${gateway.url}/api/v1/accounts`, {
    method: 'OPTIONS',
    headers: { origin: 'http://localhost:5173', 'access-control-request-method': 'POST' },
  });
  t.equal(preflight.headers.get('access-control-allow-origin'), 'http://localhost:5173');
  const page = await fetch(`${gateway.url}/api/v1/accounts?limit=1&total=true`, {
    headers: { origin: 'http://localhost:5173', ...viewer },
  });
  const readable = (page.headers.get('access-control-expose-headers') ?? '').split(', ');
  for (const [name] of page.headers)
    if (name.startsWith('x-')) t.ok(readable.includes(name), `a page may read ${name}`);
  const stranger = await fetch(`${gateway.url}/api/v1/accounts`, {
    headers: { origin: 'https://evil.example', ...viewer },
  });
  t.not(stranger.headers.get('access-control-allow-origin'), 'https://evil.example');
});

t.test('N7: health, metrics and structured logs', async (t) => {
  const { gateway, admin } = shared;
  await send(gateway.url, 'GET', '/api/v1/accounts', undefined, admin);
  const health = await send(gateway.url, 'GET', '/health');
  t.match(
    [health.status, health.body.status, Object.values(health.body.databases)],
    [200, 'ok', ['connected', 'connected']],
  );
  const metrics = await (await fetch(`${gateway.url}/metrics`)).text();
  t.match(metrics, /store="crm"/, 'requests, time and errors per store');
  for (const line of gateway
    .output()
    .split('\n')
    .filter((text) => text.startsWith('{')))
    t.ok(JSON.parse(line), 'each line is JSON');
  t.notMatch(gateway.output(), SECRET);
});

t.test('N8: one task runner with install, dev, test, lint and format', async (t) => {
  const { scripts } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as {
    scripts: Record<string, string>;
  };
  for (const name of ['dev', 'test', 'lint', 'format', 'example']) t.ok(scripts[name], `npm run ${name}`);
  t.ok(await readFile(join(ROOT, 'package-lock.json'), 'utf8'), 'npm install, from a lock file');
});

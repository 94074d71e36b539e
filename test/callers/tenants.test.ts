import { randomUUID } from 'node:crypto';
import t, { type Test } from 'tap';
import { Random } from '../../src/quickstart/random.ts';
import { moveByFile, type Answer } from '../harness/api.ts';
import { startCallers, type AskAs } from './place.ts';

const TENANTS = ['acme', 'globex'] as const;
type Tenant = (typeof TENANTS)[number];

/** Companies belong to the claim `org`, and their leads too; who made a company stands in a field of it. */
const place = await startCallers(t, [
  [
    /(path: \/api\/companies\n    mode: legacy\n)/,
    `$1    tenant: { field: sector, claim: org }\n    stamp: { vatNumber: sub }\n    audit: true\n    batch: { max: 10 }\n`,
  ],
  [/(path: \/api\/leads\n    mode: legacy\n)/, '$1    tenant: { field: source, claim: org }\n'],
  [/(path: \/api\/services\n    mode: legacy\n)/, '$1    tenant: { field: category, claim: org }\n'],
]);
const { config, sides } = place;
const callers: Record<Tenant, AskAs> = {
  acme: await place.as({ sub: 'ada', org: 'acme' }),
  globex: await place.as({ sub: 'bob', org: 'globex' }),
};
const other = (tenant: Tenant): Tenant => (tenant === 'acme' ? 'globex' : 'acme');

/** What an answer says, without what differs between any two requests. */
function said({ status, body }: Answer, id: string): unknown {
  const text = JSON.stringify([status, body]).replaceAll(id, 'ID');
  return JSON.parse(text.replace(/,?"requestId":"[^"]*"/, ''));
}

t.test('a token without the claim, or with one that is none, is refused', async (t) => {
  const claims: [Record<string, unknown>, RegExp][] = [
    [{ sub: 'ada' }, /lacks the claim "org"/],
    [{ sub: 'ada', org: '' }, /no usable value/],
    [{ sub: 'ada', org: ['acme', 'globex'] }, /no usable value/],
    [{ sub: 'ada', org: null }, /no usable value/],
  ];
  for (const [wrong, message] of claims) {
    const ask = await place.as(wrong);
    for (const [method, path, body] of [
      ['GET', '/api/companies'],
      ['GET', `/api/companies/${randomUUID()}`],
      ['POST', '/api/companies', { name: 'x' }],
      ['DELETE', `/api/companies/${randomUUID()}`],
    ] as const) {
      const answer = await ask(method, path, body);
      t.match([answer.status, answer.body.error], [403, { code: 'claim-missing', message }]);
    }
  }
});

t.test(
  'a create is stamped, a change leaves the stamps as they are, and neither may say otherwise',
  async (t) => {
    const { acme } = callers;
    const made = (await acme('POST', '/api/companies', { name: 'one' })).body.data;
    t.match(made, { name: 'one', sector: 'acme', vatNumber: 'ada' });
    const own = await acme('POST', '/api/companies', { name: 'own', sector: 'acme', vatNumber: 'ada' });
    t.equal(own.status, 201, 'to say what is so is no mistake');

    const tenant = await acme('POST', '/api/companies', { name: 'x', sector: 'globex' });
    t.match([tenant.status, tenant.body.error.code], [403, 'other-tenant']);
    const stamp = await acme('POST', '/api/companies', { name: 'x', vatNumber: 'bob' });
    t.match(
      [stamp.status, stamp.body.error],
      [400, { code: 'validation-failed', details: [{ field: 'vatNumber' }] }],
    );

    const path = `/api/companies/${made.id}`;
    t.match((await acme('PATCH', path, { sector: 'globex' })).body.error, { code: 'other-tenant' });
    const colleague = await place.as({ sub: 'cleo', org: 'acme' });
    const changed = await colleague('PUT', path, { ...made, name: 'two', vatNumber: 'cleo' });
    t.match(changed.body.data, { name: 'two', sector: 'acme', vatNumber: 'ada' }, 'who made it stays so');
    const replaced = await colleague('PUT', path, { name: 'three' });
    t.match(replaced.body.data, { name: 'three', sector: 'acme', vatNumber: 'ada', email: null });
  },
);

t.test("a reference to another tenant's record is one to no record", async (t) => {
  const { acme, globex } = callers;
  const foreign = (await globex('POST', '/api/companies', { name: 'theirs' })).body.data.id as string;
  const nobody = randomUUID();
  const lead = async (companyId: string) => await acme('POST', '/api/leads', { name: 'lead', companyId });
  const [one, two] = [await lead(foreign), await lead(nobody)];
  t.equal(one.status, 409);
  t.same(said(one, foreign), said(two, nobody));
  const mine = (await acme('POST', '/api/companies', { name: 'mine' })).body.data.id as string;
  const made = await lead(mine);
  t.match([made.status, made.body.data], [201, { companyId: mine, source: 'acme' }]);
  const moved = await acme('PATCH', `/api/leads/${made.body.data.id}`, { companyId: foreign });
  t.same(said(moved, foreign), said(one, foreign));
});

t.test('the same Idempotency-Key of two tenants is two keys', async (t) => {
  const headers = { 'idempotency-key': 'same' };
  const body = { name: 'once' };
  const made = await Promise.all(
    TENANTS.map(async (tenant) => (await callers[tenant]('POST', '/api/companies', body, headers)).body.data),
  );
  t.same(
    made.map(({ sector }) => sector),
    TENANTS,
  );
  const again = await callers.acme('POST', '/api/companies', body, headers);
  t.equal(again.headers.get('idempotency-replayed'), 'true');
  t.same(again.body.data, made[0]);
  const colleague = await place.as({ sub: 'cleo', org: 'acme' });
  t.not((await colleague('POST', '/api/companies', body, headers)).body.data.id, made[0].id);
});

/** An entry of a batch's answer for a record that was refused. */
interface Taken {
  index: number;
  status: number;
  error: { code: string; message: string };
}

t.test('a batch is stamped record by record, and takes no record of another tenant', async (t) => {
  const records = [{ name: 'a' }, { name: 'b', sector: 'globex' }, { name: 'c' }];
  const answer = await callers.acme('POST', '/api/companies/batch', records);
  t.equal(answer.status, 207);
  t.match(answer.body.data.items, [
    { status: 201 },
    { status: 403, error: { code: 'other-tenant' } },
    { status: 201 },
  ]);
  const own = answer.body.data.items[0].id as string;
  const made = await callers.acme('GET', `/api/companies/${own}`);
  t.match(made.body.data, { sector: 'acme', vatNumber: 'ada' });

  const foreign = (await callers.globex('POST', '/api/companies', { name: 'theirs' })).body.data.id as string;
  const taken = await callers.acme('POST', '/api/companies/batch', [
    { id: foreign, name: 'd' },
    { id: own, name: 'd' },
  ]);
  const [one, two] = taken.body.data.items as [Taken, Taken];
  t.equal(one.status, 409);
  t.same({ ...one, index: 1 }, two, 'an id that is taken is taken, whoever has it, and wherever');
  t.notMatch(one.error.message, /store/);
});

t.test('writes of callers are in the audit log: who, what, which record', async (t) => {
  const { id } = (await callers.globex('POST', '/api/companies', { name: 'watched' })).body.data;
  await callers.globex('PATCH', `/api/companies/${id}`, { name: 'a secret name' });
  await callers.acme('DELETE', `/api/companies/${id}`);
  await callers.globex('DELETE', `/api/companies/${id}`);
  const rows = await sides.new.query<{ actor: string; action: string }>(
    `SELECT actor, action, details FROM banyan.audit WHERE resource = 'companies' AND details->>'key' = $1 ORDER BY id`,
    [id],
  );
  t.match(rows, [
    { actor: 'bob', action: 'record-created' },
    { actor: 'bob', action: 'record-changed' },
    { actor: 'bob', action: 'record-removed' },
  ]);
  t.equal(rows.length, 3);
  t.notMatch(JSON.stringify(rows), 'secret name');
});

/** What one tenant has: by id, the name. */
type Book = Map<string, string>;

interface Walk {
  resource: string;
  /** Field with the tenant. */
  field: string;
  modes: readonly string[];
  /** What a create needs besides its name. */
  needs: (random: Random) => Record<string, unknown>;
  sorts: readonly string[];
}

const WALKS: readonly Walk[] = [
  {
    resource: 'companies',
    field: 'sector',
    modes: ['legacy', 'dual-write', 'shadow', 'live', 'new'],
    needs: () => ({}),
    sorts: ['id', 'name', '-name', '-createdAt'],
  },
  {
    resource: 'leads',
    field: 'source',
    modes: ['legacy', 'merged', 'new'],
    needs: () => ({}),
    sorts: ['id', '-createdAt', 'createdAt'],
  },
  {
    resource: 'services',
    field: 'category',
    modes: ['legacy', 'split'],
    needs: (random) => ({ code: `c${random.int(1, 1e9)}`, price: 1 }),
    sorts: ['id', '-createdAt', 'createdAt'],
  },
];

const SEED = Number(process.env.SEED ?? Date.now() % 1_000_000);
const ROUNDS = 25;

for (const walk of WALKS) {
  t.test(`no tenant sees or changes another's ${walk.resource}, in any mode (SEED=${SEED})`, async (t) => {
    const random = new Random(SEED);
    await sides.legacy.database.query(`DELETE FROM leads; DELETE FROM ${walk.resource}`);
    const books: Record<Tenant, Book> = { acme: new Map(), globex: new Map() };
    for (const mode of walk.modes) {
      if (mode !== 'legacy') await moveByFile(config, sides.new, walk.resource, mode);
      for (let round = 0; round < ROUNDS; round++) await step(t, walk, random, books);
      for (const tenant of TENANTS) await sees(t, walk, mode, tenant, books, random);
      t.pass(`${mode}: ${books.acme.size} and ${books.globex.size} records, ${ROUNDS} requests`);
    }
  });
}

/** Every page of every way to ask for a list has this tenant's records, and no others. */
async function sees(
  t: Test,
  { resource, field, sorts }: Walk,
  mode: string,
  tenant: Tenant,
  all: Record<Tenant, Book>,
  random: Random,
): Promise<void> {
  const [ask, path] = [callers[tenant], `/api/${resource}`];
  const sort = random.pick(sorts);
  const ids: string[] = [];
  let cursor: string | null = null;
  do {
    const next = cursor ? `&cursor=${String(cursor)}` : '';
    const page: Answer = await ask('GET', `${path}?limit=7&sort=${sort}${next}`);
    t.equal(page.status, 200, JSON.stringify(page.body.error));
    for (const record of page.body.data) {
      t.equal(record[field], tenant);
      ids.push(record.id);
    }
    cursor = page.body.pagination.nextCursor;
  } while (cursor);
  const total = (await ask('GET', `${path}?offset=0&limit=1`)).body.pagination.total;
  // Lists of split are legacy's: what was created since is not in them.
  if (mode === 'split') t.ok(total <= all[tenant].size, 'the total is of his own');
  else {
    t.same(ids.sort(), [...all[tenant].keys()].sort(), `${tenant} sees all of his and nothing else`);
    t.equal(total, all[tenant].size, 'the total is his own');
  }
  const filtered = await ask('GET', `${path}?${field}=${other(tenant)}&total=true`);
  t.same(
    [filtered.body.data, filtered.body.pagination?.total],
    [[], 0],
    "to ask for another's is to ask for none",
  );
}

/** One request of one tenant, to a record of his, of the other one or of nobody; and what must come of it. */
async function step(t: Test, walk: Walk, random: Random, all: Record<Tenant, Book>): Promise<void> {
  const tenant = random.pick(TENANTS);
  const [ask, mine, theirs] = [callers[tenant], all[tenant], all[other(tenant)]];
  const name = `${tenant} ${random.int(1, 1e9)}`;
  const path = `/api/${walk.resource}`;
  if (mine.size < 4 || random.chance(0.25)) {
    const chosen = random.chance(0.5) ? { id: random.uuid() } : {};
    const made = await ask('POST', path, { ...walk.needs(random), name, ...chosen });
    t.match([made.status, made.body.data], [201, { [walk.field]: tenant, name, ...chosen }]);
    mine.set(made.body.data.id, name);
    return;
  }
  const own = random.pick([...mine.keys()]);
  if (theirs.size > 0 && random.chance(0.5)) {
    const foreign = random.pick([...theirs.keys()]);
    await trespass(t, walk, random, ask, { own, foreign, tenant });
    const seen = await callers[other(tenant)]('GET', `${path}/${foreign}`);
    t.equal(seen.body.data?.name, theirs.get(foreign), 'and it is as it was');
    return;
  }
  const verb = random.pick(['GET', 'PATCH', 'PUT', 'DELETE'] as const);
  const body = verb === 'PUT' ? { ...walk.needs(random), name } : verb === 'PATCH' ? { name } : undefined;
  const done = await ask(verb, `${path}/${own}`, body);
  t.equal(done.status, 200, `${verb} of his own: ${JSON.stringify(done.body.error)}`);
  if (verb === 'GET') t.equal(done.body.data.name, mine.get(own));
  if (verb === 'DELETE') mine.delete(own);
  if (body) mine.set(own, name);
}

/** Whatever is done to another's record is answered as for one that nobody has. */
async function trespass(
  t: Test,
  walk: Walk,
  random: Random,
  ask: AskAs,
  { own, foreign, tenant }: { own: string; foreign: string; tenant: Tenant },
): Promise<void> {
  const [path, nobody, whole] = [
    `/api/${walk.resource}`,
    random.uuid(),
    { ...walk.needs(random), name: 'x' },
  ];
  for (const [verb, body] of [
    ['GET', undefined],
    ['PATCH', { name: 'x' }],
    ['PUT', { ...whole, [walk.field]: tenant }],
    ['DELETE', undefined],
  ] as const) {
    const at = await ask(verb, `${path}/${foreign}`, body);
    const none = await ask(verb, `${path}/${nobody}`, body);
    t.equal(at.status, 404, `${verb} of another's`);
    t.same(said(at, foreign), said(none, nobody), `${verb}: as of nobody's`);
  }
  const taken = await ask('POST', path, { ...whole, id: foreign });
  const twice = await ask('POST', path, { ...whole, id: own });
  t.equal(taken.status, 409);
  t.same(said(taken, foreign), said(twice, own), 'an id that is taken is taken, whoever has it');
}

t.test('tokens are in no log', async (t) => {
  t.notMatch(place.gateway.output(), /eyJ[\w-]{10}/);
});

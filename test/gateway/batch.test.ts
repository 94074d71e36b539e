import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { moveByFile, send, type Answer } from '../harness/api.ts';
import { startGateway, testConfig } from '../harness/gateway.ts';
import { createTwoSides } from '../harness/two-sides.ts';
import { until } from '../harness/wait.ts';

/** One gateway in front of two real sides for all of these: the batches' resource moves on from test to test. */
const folder = await mkdtemp(join(tmpdir(), 'banyan-batch-'));
t.teardown(() => rm(folder, { recursive: true, force: true }));
const schema = join(folder, 'client.json');
await writeFile(
  schema,
  JSON.stringify({
    type: 'object',
    required: ['name', 'email'],
    properties: {
      email: { type: 'string', format: 'email' },
      address: {
        type: 'object',
        properties: { geo: { type: 'object', properties: { lat: { type: 'number' } } } },
      },
      tags: { type: 'array', items: { type: 'string', maxLength: 5 } },
    },
  }),
);
const sides = await createTwoSides(t);
const config = await testConfig(t, [
  [
    /(\n  clients:\n    path: .*\n    mode: .*)/,
    `$1\n    batch: { max: 50, bodyLimit: 64kb }\n    schemas: { create: ${schema} }`,
  ],
]);
const gateway = await startGateway(t, { config, env: sides.env });
const move = async (mode: string) => await moveByFile(config, sides.new, 'clients', mode);

let serial = 0;
function client(changes: object = {}): Record<string, unknown> {
  serial += 1;
  return { name: `Client ${serial}`, email: `batch${serial}@example.fr`, status: 'active', ...changes };
}

async function batch(records: unknown, headers: Record<string, string> = {}, query = ''): Promise<Answer> {
  return await send(gateway.url, 'POST', `/api/clients/batch${query}`, records, headers);
}

function items(
  answer: Answer,
): { index: number; status: number; id?: string; error?: Record<string, unknown> }[] {
  return answer.body.data.items;
}

async function emails(side: 'legacy' | 'new'): Promise<string[]> {
  const database = side === 'legacy' ? sides.legacy.database : sides.new;
  const rows = await database.query<{ email: string }>('SELECT email FROM clients ORDER BY email');
  return rows.map(({ email }) => email);
}

async function agree(t: Test): Promise<void> {
  await until(
    async () => {
      const [mark] = await sides.new.query<{ n: string }>(`SELECT count(*) AS n FROM banyan.mark`);
      return mark?.n === '0';
    },
    { what: 'no mark is left' },
  );
  t.same(await emails('new'), await emails('legacy'), 'both sides have the same records');
}

t.test('Q2: a bad message gets its error by index and field, and the good ones are created', async (t) => {
  await move('dual-write');
  const answer = await batch([
    client(),
    client({ email: 'not an address' }),
    client({ address: { geo: { lat: 'north' } } }),
    client({ name: undefined }),
    client({ tags: ['short', 'much too long'] }),
    client({ loyaltyPoints: 'many' }),
    'not a record',
    client(),
  ]);
  t.equal(answer.status, 207);
  t.same({ ...answer.body.data, items: null }, { accepted: 2, refused: 6, items: null });
  t.same(
    items(answer).map(({ index, status }) => [index, status]),
    [201, 400, 400, 400, 400, 400, 400, 201].map((status, index) => [index, status]),
  );
  const fields = items(answer).map(
    ({ error }) => (error?.details as { field: string }[] | undefined)?.[0]?.field,
  );
  t.same(fields, [undefined, 'email', 'address.geo.lat', 'name', 'tags[1]', 'loyaltyPoints', '', undefined]);
  await agree(t);
});

t.test('Q3: a record that the store refuses keeps no other one of its batch out', async (t) => {
  const taken = (await emails('legacy'))[0];
  for (const mode of ['dual-write', 'shadow', 'live', 'new', 'live']) {
    await move(mode);
    const twice = client();
    const sent = [client(), client({ email: taken }), twice, client({ email: twice.email }), client()];
    const answer = await batch(sent);
    t.equal(answer.status, 207, mode);
    const [first, second, third, fourth, fifth] = items(answer).map(
      ({ status, error }) => error?.code ?? status,
    );
    t.same([first, second, fifth], [201, 'duplicate', 201], `${mode}: the outcome of each`);
    // Where the store takes them one by one, either of the two may be there first.
    t.same([third, fourth].sort(), [201, 'duplicate'], `${mode}: of two equal ones, one`);
    t.equal(answer.servedBy, ['live', 'new'].includes(mode) ? 'new' : 'legacy');
    for (const { id } of items(answer).filter(({ status }) => status === 201))
      t.equal((await send(gateway.url, 'GET', `/api/clients/${id}`)).status, 200, `${mode}: it is there`);
  }
  await agree(t);
});

t.test('lines of JSON are a batch too, and a broken line is one bad message', async (t) => {
  const lines = [JSON.stringify(client()), '{"name": ', '', JSON.stringify(client())].join('\n');
  const answer = await batch(lines, { 'content-type': 'application/x-ndjson' });
  t.equal(answer.status, 207);
  t.same(
    items(answer).map(({ status, error }) => error?.code ?? status),
    [201, 'invalid-json', 201],
  );
});

t.test('what is no batch is refused as a whole', async (t) => {
  const before = await emails('new');
  const cases: [unknown, number, string][] = [
    [[], 400, 'batch-invalid'],
    [client(), 400, 'batch-invalid'],
    ['[{"name": ', 400, 'invalid-json'],
    [Array.from({ length: 51 }, () => client()), 400, 'batch-invalid'],
    [[client({ notes: 'x'.repeat(70_000) })], 413, 'payload-too-large'],
  ];
  for (const [body, status, code] of cases) {
    const answer = await batch(body);
    t.equal(answer.status, status, code);
    t.equal(answer.body.error.code, code);
  }
  t.equal((await batch([client()], { 'content-type': 'text/csv' })).status, 415);
  t.equal((await batch([client()], {}, '?atomic=maybe')).status, 400);
  for (const [path, code] of [
    ['/api/clients', 'invalid-json'],
    ['/api/clients/batch', 'batch-invalid'],
  ]) {
    const body = Buffer.from('[{"name":"Andr\u00e9"}]', 'latin1');
    const headers = { 'content-type': 'application/json' };
    const answer = await fetch(gateway.url + path, { method: 'POST', headers, body });
    t.match(await answer.json(), { error: { code, message: /not UTF-8/ } });
  }
  t.same(await emails('new'), before);
});

t.test(
  'atomic=true: all records or none, where the deciding store can; else refused with the reason',
  async (t) => {
    const before = await emails('new');
    const bad = await batch([client(), client({ email: 'no' })], {}, '?atomic=true');
    t.equal(bad.status, 400);
    t.equal(bad.body.error.details[0].index, 1, 'the bad message is named by its index');
    const refused = await batch(
      [client(), client({ notes: 'other columns' }), client({ email: before[0] })],
      {},
      '?atomic=true',
    );
    t.equal(refused.status, 409);
    t.equal(refused.body.error.code, 'duplicate');
    t.same(await emails('new'), before, 'nothing of either');
    const done = await batch([client(), client({ notes: 'other columns' })], {}, '?atomic=true');
    t.equal(done.status, 201);
    t.equal((await emails('new')).length, before.length + 2);
    await agree(t);
    await move('dual-write');
    const impossible = await batch([client()], {}, '?atomic=true');
    t.equal(impossible.status, 409);
    t.equal(impossible.body.error.code, 'batch-not-atomic');
    t.match(impossible.body.error.message, /legacy side.*supabase.*one by one/);
  },
);

t.test('an Idempotency-Key makes a batch once', async (t) => {
  const records = [client(), client({ email: 'no' }), client()];
  const headers = { 'idempotency-key': randomUUID() };
  const first = await batch(records, headers);
  const again = await batch(records, headers);
  t.equal(again.headers.get('idempotency-replayed'), 'true');
  t.same(again.body, first.body, 'the same answer, with the same ids');
  const other = await batch([client()], headers);
  t.equal(other.body.error.code, 'idempotency-key-reused');
  await agree(t);
});

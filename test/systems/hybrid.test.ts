import { ObjectId } from 'mongodb';
import t, { type Test } from 'tap';
import { translateId } from '../../src/mapping/ids.ts';
import { call } from '../cli/place.ts';
import { send } from '../harness/api.ts';
import { startFaultProxy } from '../harness/fault-proxy.ts';
import { startGateway, type GatewayProcess } from '../harness/gateway.ts';
import { failCommands } from '../harness/mongo-failpoint.ts';
import { mongoFor } from '../harness/mongo.ts';
import { until } from '../harness/wait.ts';
import { MOVING, person, startHybrid, type Hybrid, type Person } from './hybrid/place.ts';

const server = await mongoFor(t);
const uuidOf = (id: string) => translateId('objectid', 'uuid', id) as string;
const ids = (records: { id: string }[]) => records.map(({ id }) => id);

interface Place extends Hybrid {
  gateway: GatewayProcess;
  /** Somebody in workspace `ws-north`, and somebody in `ws-south`. */
  north: Person;
  south: Person;
}

let shared: Promise<Place> | undefined;

/** One back office that the lines move on, one after the other. */
function office(): Promise<Place> {
  return (shared ??= (async () => {
    if (!server) throw new Error('no MongoDB');
    const hybrid = await startHybrid(t, server, { migrate: false });
    const gateway = await startGateway(t, { config: hybrid.config, env: hybrid.env });
    const [north, south] = [
      await person(gateway.url, 'ws-north'),
      await person(gateway.url, 'ws-south', 'user-8'),
    ];
    return { ...hybrid, gateway, north, south };
  })());
}

const newOrder = (clientId: string, total = 10.5) => ({
  clientId,
  total,
  status: 'paid',
  items: [{ productId: new ObjectId().toHexString(), quantity: 1, price: total }],
});

async function made(
  who: Person,
  path: string,
  body: unknown,
): Promise<Record<string, string> & { id: string }> {
  const answer = await who.post(path, body);
  if (answer.status !== 201) throw new Error(`POST ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
  return answer.body.data;
}

async function inPostgres(
  place: Hybrid,
  table: string,
  id: string,
): Promise<Record<string, unknown> | undefined> {
  const [row] = await place.new.query(`SELECT * FROM ${table} WHERE id = $1`, [uuidOf(id)]);
  return row;
}

/** Totals and pages of a list say the same, each record comes once, newest first. */
async function isWhole(t: Test, who: Person, path: string, wanted: number): Promise<void> {
  const records = await who.all(path, 6);
  t.equal(records.length, wanted, `${path}: as many as there are`);
  t.equal(new Set(ids(records)).size, wanted, `${path}: each once`);
  const moments = records.map(({ createdAt }) => createdAt as string);
  t.same(moments, [...moments].sort().reverse(), `${path}: newest first`);
  const { body } = await who.get(`${path}?limit=5&offset=5`);
  t.equal(body.pagination.total, wanted, `${path}: the total is exact`);
  t.same(ids(body.data), ids(records.slice(5, 10)), `${path}: pages by offset are those by cursor`);
}

if (server) {
  t.test('H1: strategy 1 reads from Mongo and writes new records to Postgres', async (t) => {
    const place = await office();
    // What orders refer to must be there for a foreign key: their clients are moved when a new order needs them.
    await place.move('split', ['products']);
    await place.move('merged', ['clients']);
    await place.move('split', ['orders']);
    const before = await place.north.all('orders');
    const products = await place.north.all('products');
    const [client] = place.given.clients.filter(({ workspaceId }) => workspaceId === 'ws-north');
    const product = await made(place.north, 'products', { name: 'New', sku: 'N-1', price: 5 });
    const order = await made(place.north, 'orders', newOrder(String(client?._id)));
    for (const [table, { id }] of Object.entries({ products: product, orders: order })) {
      t.ok(await inPostgres(place, table, id), `${table}: the new record is in Postgres`);
      t.same(await place.documents(table, { _id: new ObjectId(id) }), [], `${table}: and not in Mongo`);
    }
    t.same(await place.north.all('orders'), before, 'lists are those of Mongo');
    t.same(await place.north.all('products'), products);
    const [first] = before;
    t.match(await place.north.get(`orders/${first.id as string}`), { status: 200, body: { data: first } });
    t.match(await place.north.get(`orders/${order.id}`), { status: 200, body: { data: { total: 10.5 } } });
    t.equal((await place.north.patch(`orders/${first.id as string}`, { note: 'by strategy 1' })).status, 200);
    const [document] = await place.documents('orders', { _id: new ObjectId(first.id as string) });
    t.equal(document?.note, 'by strategy 1', 'a record of Mongo is changed where it is');
  });

  t.test('H2: strategy 2 reads both as one, newest first, with right totals and pages', async (t) => {
    const place = await office();
    const given = place.given.orders.filter(({ workspaceId }) => workspaceId === 'ws-north').length;
    await place.move('merged');
    // With the one that strategy 1 created in Postgres.
    await isWhole(t, place.north, 'orders', given + 1);
    const [client] = await place.north.all('clients');
    for (let made_ = 0; made_ < 4; made_ += 1)
      await made(place.north, 'orders', newOrder(client.id as string));
    await isWhole(t, place.north, 'orders', given + 5);
    const old = (await place.north.all('orders')).at(-1);
    t.equal((await place.north.patch(`orders/${old.id as string}`, { status: 'shipped' })).status, 200);
    t.equal(
      (await inPostgres(place, 'orders', old.id as string))?.status,
      'shipped',
      'a changed one is moved first',
    );
    const second = (await place.north.all('orders')).at(-2);
    // What was bought is kept as it was: the transactions of an order go before it.
    const paid = await place.north.all(`transactions?orderId=${second.id as string}`);
    for (const { id } of paid)
      t.equal((await place.north.remove(`transactions/${id as string}`)).status, 200);
    t.equal((await place.north.remove(`orders/${second.id as string}`)).status, 200);
    t.equal((await place.north.get(`orders/${second.id as string}`)).status, 404, 'a deleted one is gone');
    await isWhole(t, place.north, 'orders', given + 4);
    const shipped = await place.north.all('orders?status=shipped');
    t.ok(ids(shipped).includes(old.id as string), 'a filter sees the new twin');
  });

  t.test('H4: four resources are written to Postgres and read from both; three stay on Mongo', async (t) => {
    const place = await office();
    const client = await made(place.north, 'clients', {
      name: 'Bea',
      email: 'bea@example.com',
      city: 'Graz',
    });
    const product = await made(place.north, 'products', { name: 'Stool', sku: 'S-1', price: 49.9, stock: 3 });
    const order = await made(place.north, 'orders', newOrder(client.id, 99.8));
    const paid = await made(place.north, 'transactions', { orderId: order.id, amount: 99.8, method: 'card' });
    for (const [table, { id }] of Object.entries({
      clients: client,
      products: product,
      orders: order,
      transactions: paid,
    })) {
      t.ok(await inPostgres(place, table, id), `${table}: created in Postgres`);
      t.same(await place.documents(table, { _id: new ObjectId(id) }), [], `${table}: not in Mongo`);
      const all = await place.north.all(table);
      const old = place.given[table as (typeof MOVING)[number]].find(
        ({ workspaceId }) => workspaceId === 'ws-north',
      );
      const both = [id, String(old?._id)];
      t.ok(
        both.every((one) => ids(all).includes(one)),
        `${table}: read from both`,
      );
    }
    for (const [name, body] of [
      ['reports', { title: 'June', figures: { orders: 4 } }],
      ['decisions', { title: 'Raise prices' }],
      ['goals', { title: 'Ten shops', target: 10 }],
    ] as const) {
      const { id } = await made(place.north, name, body);
      t.equal((await place.documents(name, { _id: new ObjectId(id) })).length, 1, `${name} stay on Mongo`);
    }
  });

  t.test('H4: analytics adds up both sides', async (t) => {
    const place = await office();
    const { status, body } = await place.north.get('analytics');
    t.equal(status, 200, JSON.stringify(body));
    const orders = await place.north.all('orders');
    const sum = orders.reduce((total, order) => total + Math.round(Number(order.total) * 100), 0);
    t.equal(body.data.orders.count, orders.length);
    t.equal(Math.round(body.data.orders.sum.total * 100), sum);
    t.equal(body.data.clients.count, (await place.north.all('clients')).length);
    t.equal(body.data.products.count, (await place.north.all('products')).length);
    const statuses = Object.fromEntries(
      body.data.ordersByStatus.map(({ status, count }: { status: string; count: number }) => [status, count]),
    );
    for (const [name, count] of Object.entries<number>(statuses))
      t.equal(count, orders.filter((order) => order.status === name).length, name);
    const south = await place.south.all('orders');
    t.equal(
      (await place.south.get('analytics')).body.data.orders.count,
      south.length,
      'each workspace its own',
    );
    t.not(south.length, orders.length);
  });

  t.test('H5: a caller sees his workspace only, and what he creates is stamped with it', async (t) => {
    const place = await office();
    t.equal((await send(place.gateway.url, 'GET', '/api/ecom/orders')).status, 401);
    const north = await place.north.all('orders');
    const south = await place.south.all('orders');
    t.ok(north.every(({ workspaceId }) => workspaceId === 'ws-north') && north.length > 0);
    t.ok(south.every(({ workspaceId }) => workspaceId === 'ws-south') && south.length > 0);
    const [foreign] = south;
    const id = foreign.id as string;
    for (const answer of [
      await place.north.get(`orders/${id}`),
      await place.north.patch(`orders/${id}`, { note: 'mine' }),
      await place.north.remove(`orders/${id}`),
      await place.north.get(`orders/${new ObjectId().toHexString()}`),
    ])
      t.equal(answer.status, 404, 'as if it did not exist');
    t.same((await place.south.get(`orders/${id}`)).body.data, foreign, 'nothing was changed');
    const goal = await made(place.south, 'goals', { title: 'Mine', target: 1 });
    t.match(goal, { workspaceId: 'ws-south', createdById: 'user-8' }, 'stamped on Mongo');
    const client = await made(place.south, 'clients', { name: 'Cy', email: 'cy@example.com' });
    t.match(client, { workspaceId: 'ws-south', createdById: 'user-8' }, 'stamped on Postgres');
    t.match(await inPostgres(place, 'clients', client.id), {
      workspace_id: 'ws-south',
      created_by_id: 'user-8',
    });
    const other = await place.north.post('clients', {
      name: 'X',
      email: 'x@example.com',
      workspaceId: 'ws-south',
    });
    t.ok(other.status >= 400 && other.status < 500, 'nobody creates in another workspace');
    t.not(
      (await place.north.post('orders', newOrder(client.id))).status,
      201,
      'nor for a client of another one',
    );
  });

  t.test('H6: an id is good for ever, on either side; references are translated', async (t) => {
    const place = await office();
    const [first] = place.given.orders.filter(({ workspaceId }) => workspaceId === 'ws-north').slice(3);
    const id = String(first?._id);
    const clientId = String(first?.clientId);
    const read = async () => (await place.north.get(`orders/${id}`)).body.data;
    const before = await read();
    t.match(before, { id, clientId }, 'as Mongo gave them');
    t.equal((await place.north.patch(`orders/${id}`, { note: 'moved' })).status, 200);
    t.match(await read(), { ...before, note: 'moved' }, 'the same after it was moved');
    const row = await inPostgres(place, 'orders', id);
    t.equal(row?.client_id, uuidOf(clientId), 'in Postgres the reference is a UUID');
    t.ok(await inPostgres(place, 'clients', clientId), 'of a client that was moved before it');
    t.same((await place.north.get(`orders/${uuidOf(id)}`)).body.data, await read(), 'the UUID names it too');
    t.ok(
      ids(await place.north.all(`orders?clientId=${clientId}`)).includes(id),
      'a filter takes the id that was given',
    );
    const made_ = await made(place.north, 'orders', newOrder(clientId));
    t.match(made_.id, /^[0-9a-f]{24}$/, 'new ids have the same form');
    t.equal(made_.clientId, clientId);
  });

  t.test('H3: strategy 3 is Postgres only, and there is a way back', async (t) => {
    const place = await office();
    const before = Object.fromEntries(
      await Promise.all(MOVING.map(async (name) => [name, await place.north.all(name)] as const)),
    );
    await place.move('new');
    await place.mongo.db
      .collection('orders')
      .insertOne({ workspaceId: 'ws-north', note: 'nobody sees this' });
    for (const name of MOVING) {
      t.same(await place.north.all(name), before[name], `${name}: all of it is in Postgres`);
      t.equal((await place.north.get(name)).servedBy, 'new');
    }
    await place.mongo.db.collection('orders').deleteOne({ note: 'nobody sees this' });
    const [client] = before.clients ?? [];
    const order = await made(place.north, 'orders', newOrder(client.id as string, 77));
    await place.move('merged', [...MOVING].reverse());
    await place.move('legacy', [...MOVING].reverse());
    const [back] = await place.documents('orders', { _id: new ObjectId(order.id) });
    t.match(
      back,
      { total: { bytes: {} }, workspaceId: 'ws-north' },
      'what was created in Postgres is in Mongo',
    );
    t.equal(String(back?.clientId), client.id, 'with an ObjectId as reference');
    t.equal((await place.north.all('orders')).length, (before.orders?.length ?? 0) + 1);
    const scores = await place.documents('clients', { legacyScore: { $exists: true } });
    t.equal(scores.length, place.given.clients.filter(({ legacyScore }) => legacyScore !== undefined).length);
  });

  t.test('H7: a page of 50 asks the stores as often at many records as at few', async (t) => {
    const asked: number[] = [];
    for (const orders of [240, 720]) {
      const hybrid = await startHybrid(t, server, { orders });
      const gateway = await startGateway(t, { config: hybrid.config, env: hybrid.env });
      // Nothing else asks the stores meanwhile.
      await hybrid.config.write(
        hybrid.config.text.replace(/\n    mode: legacy/g, '$&\n    backfill: { start: manual }'),
      );
      await hybrid.move('merged', ['clients', 'orders']);
      const north = await person(gateway.url, 'ws-north');
      const requests = async () => {
        const { body } = await send(gateway.url, 'GET', '/metrics');
        const lines = String(body).matchAll(/^banyan_store_requests_total\{.*operation="read".*\} (\d+)$/gm);
        return [...lines].reduce((sum, [, count]) => sum + Number(count), 0);
      };
      const { body } = await north.get('orders?limit=50');
      const before = await requests();
      t.equal(
        (await north.get(`orders?limit=50&cursor=${String(body.pagination.nextCursor)}`)).body.data.length,
        50,
      );
      asked.push((await requests()) - before);
      await gateway.stop();
    }
    t.ok((asked[0] as number) > 0);
    t.equal(asked[1], asked[0]);
  });

  t.test(
    'H8: what a crash between the two writes leaves behind is shown, and repaired by itself',
    async (t) => {
      const hybrid = await startHybrid(t, server, { orders: 6 });
      const start = { config: hybrid.config, env: hybrid.env };
      const gateway = await startGateway(t, start);
      await hybrid.move('dual-write', ['clients']);
      await gateway.stop();
      const doomed = await startGateway(t, {
        ...start,
        port: gateway.port,
        failpoint: 'write.answered=kill',
      });
      const north = await person(doomed.url, 'ws-north');
      await t.rejects(
        north.post('clients', { name: 'Half', email: 'half@example.com' }),
        'the process died in the write',
      );
      await doomed.ended;
      const [document] = await hybrid.documents('clients', { email: 'half@example.com' });
      const id = String(document?._id);
      t.ok(document, 'Mongo has it');
      t.equal(await inPostgres(hybrid, 'clients', id), undefined, 'Postgres has not');
      const env = { ...hybrid.env, BANYAN_CONFIG: hybrid.config.file };
      const { out } = await call(['status', 'clients', '--json'], env, '.');
      t.equal(JSON.parse(out).resources[0].journal.marks, 1, 'status shows it');
      await startGateway(t, { ...start, port: gateway.port });
      await until(async () => await inPostgres(hybrid, 'clients', id), {
        what: 'Postgres has it too',
        timeout: 40_000,
      });
      t.pass('repaired by nobody');
    },
  );

  t.test('H9: GET /health says which database is there', async (t) => {
    const proxy = await startFaultProxy({ target: { host: server.host, port: server.port } });
    t.teardown(() => proxy.close());
    const mongoUrl = `mongodb://127.0.0.1:${proxy.port}/?directConnection=true`;
    const hybrid = await startHybrid(t, server, { orders: 2, mongoUrl });
    const gateway = await startGateway(t, { config: hybrid.config, env: hybrid.env });
    const health = async () => (await send(gateway.url, 'GET', '/health')).body;
    const well = await health();
    t.match(well, { status: 'ok', databases: { mongodb: 'connected', postgresql: 'connected' } });
    t.ok(Math.abs(Date.parse(well.timestamp as string) - Date.now()) < 60_000, 'with the time of the answer');
    await proxy.refuse();
    const isGone = async () => (await health()).databases.mongodb === 'disconnected';
    await until(isGone, { what: 'Mongo is told to be disconnected' });
    t.match(await health(), { status: 'degraded', databases: { postgresql: 'connected' } });
    await proxy.pass();
    await until(async () => (await health()).status === 'ok', { what: 'it is there again' });
    const refused = { failCommands: ['listCollections'], errorCode: 13 };
    const off = await failCommands(server, refused, 10_000);
    if (!off) return void t.comment('skipped: the server has no failpoints');
    t.match(await health(), { status: 'degraded', databases: { mongodb: 'error', postgresql: 'connected' } });
    await off();
    t.match(
      await health(),
      { databases: well.databases },
      'a server that is there and refuses is no server that is gone',
    );
  });

  t.test('H11: the job that moves existing records can be stopped, resumed and repeated', async (t) => {
    const hybrid = await startHybrid(t, server, { orders: 60 });
    const chunks = hybrid.config.text.replace(
      /(\n  clients:\n    path: .*\n    mode: )legacy/,
      '$1dual-write\n    backfill: { chunk: 5 }',
    );
    await hybrid.config.write(chunks);
    const start = { config: hybrid.config, env: hybrid.env };
    const doomed = await startGateway(t, {
      ...start,
      failpoint: 'backfill.chunk=kill@3',
      mayEndAtOnce: true,
    });
    await doomed.ended;
    const count = async () =>
      Number((await hybrid.new.query<{ n: string }>('SELECT count(*) AS n FROM clients'))[0]?.n);
    const half = await count();
    t.ok(half >= 15 && half < 30, `stopped at ${half} of 30`);
    const gateway = await startGateway(t, { ...start, port: doomed.port });
    await until(async () => (await count()) === 30, { what: 'the rest is copied', timeout: 40_000 });
    const job = async () =>
      (
        await hybrid.new.query<{ visited: string; status: string }>(
          `SELECT visited, status FROM banyan.backfill`,
        )
      )[0];
    await until(async () => (await job())?.status === 'done', { what: 'the job is done' });
    t.equal(Number((await job())?.visited), 30, 'it went on where it was: none was counted twice');
    await hybrid.mongo.db
      .collection('clients')
      .updateOne({}, { $set: { name: 'Changed behind the gateway' } });
    const env = { ...hybrid.env, BANYAN_CONFIG: hybrid.config.file };
    t.match(await call(['backfill', 'clients', '--again'], env, '.'), { exit: 0 });
    const sql = `SELECT FROM clients WHERE name = 'Changed behind the gateway'`;
    t.equal((await hybrid.new.query(sql)).length, 1, 'repeated, it makes equal what is not');
    t.equal(await count(), 30);
    await gateway.stop();
  });
}

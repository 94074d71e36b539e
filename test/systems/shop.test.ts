import { readFile, readdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import t, { type Test } from 'tap';
import { schemaDifference } from '../../src/stores/prisma/migrate.ts';
import { withClient } from '../../src/quickstart/accounts.ts';
import { call } from '../cli/place.ts';
import { send } from '../harness/api.ts';
import { startGateway, type GatewayProcess } from '../harness/gateway.ts';
import { until } from '../harness/wait.ts';
import { FOLDER, RESOURCES, startShop, type Shop } from './shop/place.ts';

type Row = Record<string, unknown>;

/** A shop whose records all are on the new side, with the files following. */
interface Live extends Awaited<ReturnType<typeof startShop>> {
  gateway: GatewayProcess;
}

let shared: Promise<Live> | undefined;

/** One shop for the lines that need it live; each of them works with a user and products of its own. */
function liveShop(): Promise<Live> {
  return (shared ??= (async () => {
    const shop = await startShop(t, { migrate: false });
    const gateway = await startGateway(t, { config: shop.config, env: shop.env });
    for (const mode of ['dual-write', 'shadow', 'live']) await shop.moveAll(mode);
    return { ...shop, gateway };
  })());
}

const post = async (shop: Live, path: string, body: Row, headers: Record<string, string> = {}) =>
  await send(shop.gateway.url, 'POST', `/api/${path}`, body, headers);

async function made(shop: Live, path: string, body: Row): Promise<Row & { id: string }> {
  const answer = await post(shop, path, body);
  if (answer.status !== 201) throw new Error(`POST ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
  return answer.body as Row & { id: string };
}

let serial = 0;

/** A buyer with a cart that has so many pieces of each product in it. */
async function buyer(shop: Live, lines: readonly { product: Row; quantity: number }[]): Promise<string> {
  serial += 1;
  const user = await made(shop, 'users', { email: `buyer${serial}@example.com`, name: `Buyer ${serial}` });
  const cart = await made(shop, 'carts', { userId: user.id });
  for (const { product, quantity } of lines)
    await made(shop, 'cart-items', { cartId: cart.id, productId: product.id, quantity });
  return user.id;
}

const product = async (shop: Live, stock: number, price = 19.9) =>
  await made(shop, 'products', { name: `Thing ${++serial}`, price, stock });

const pay = async (shop: Live, userId: string, paymentIntentId: string, headers = {}) =>
  await post(shop, 'checkout', { userId, paymentIntentId }, headers);

/** Waits until the files say what the tables say, record by record. */
async function mirrored(
  t: Test,
  shop: Shop,
  name: string,
  holds: (records: Row[]) => boolean,
): Promise<void> {
  await until(async () => holds(await shop.file(RESOURCES[name] as 'users')), {
    what: `${name}.json has what the transaction wrote`,
    timeout: 30_000,
  });
  t.pass(`${name} reached the files`);
}

const definitions = async (shop: Shop, table: string) =>
  (
    await shop.new.query<{ text: string }>(
      `SELECT indexdef AS text FROM pg_indexes WHERE tablename = $1
       UNION ALL SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = $1::regclass`,
      [table],
    )
  ).map(({ text }) => text);

t.test('S1: UUID keys, unique emails, enumerations, exact prices', async (t) => {
  const shop = await liveShop();
  const columns = await shop.new.query<{ name: string; type: string }>(
    `SELECT c.relname || '.' || a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type
       FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE n.nspname = 'public' AND c.relkind = 'r' AND a.attnum > 0`,
  );
  const types = new Map(columns.map(({ name, type }) => [name, type]));
  for (const table of Object.values(RESOURCES)) t.equal(types.get(`${table}.id`), 'uuid', table);
  t.equal(types.get('products.price'), 'numeric(12,2)');
  t.equal(types.get('products.stock'), 'integer');
  t.equal(types.get('products.active'), 'boolean');
  t.equal(types.get('products.deleted_at'), 'timestamp(6) with time zone', 'deleted_at');
  const values = await shop.new.query<{ name: string; values: string[] }>(
    `SELECT typname AS name, array_agg(enumlabel::text ORDER BY enumsortorder) AS values
       FROM pg_type JOIN pg_enum ON enumtypid = pg_type.oid GROUP BY typname ORDER BY typname`,
  );
  t.same(values, [
    { name: 'order_status', values: ['pending', 'paid', 'shipped', 'cancelled'] },
    { name: 'user_role', values: ['admin', 'customer'] },
  ]);
  const [user] = shop.given.users as [Row];
  const taken = await post(shop, 'users', { email: user.email, name: 'Twice' });
  t.equal(taken.status, 409);
  t.equal((await post(shop, 'users', { email: 'r@example.com', name: 'R', role: 'owner' })).status, 400);
});

t.test('S2: foreign keys hold, cascade or restrict as they should, and pairs are unique', async (t) => {
  const shop = await liveShop();
  const has = async (table: string, ...patterns: RegExp[]) => {
    const found = await definitions(shop, table);
    for (const pattern of patterns)
      t.ok(
        found.some((text) => pattern.test(text)),
        `${table}: ${pattern}`,
      );
  };
  await has('carts', /\(user_id\) REFERENCES users\(id\).* ON DELETE CASCADE/, /UNIQUE INDEX .* \(user_id\)/);
  await has(
    'cart_items',
    /\(cart_id\) REFERENCES carts\(id\).* ON DELETE CASCADE/,
    /\(product_id\) REFERENCES products\(id\).* ON DELETE RESTRICT/,
    /UNIQUE INDEX .* \(cart_id, product_id\)/,
  );
  await has('orders', /\(user_id\) REFERENCES users\(id\).* ON DELETE RESTRICT/);
  await has(
    'order_items',
    /\(order_id\) REFERENCES orders\(id\).* ON DELETE CASCADE/,
    /\(product_id\) REFERENCES products\(id\).* ON DELETE RESTRICT/,
    /UNIQUE INDEX .* \(order_id, product_id\)/,
  );
  await has('analytics_events', /\(user_id\) REFERENCES users\(id\).* ON DELETE SET NULL/);
  const thing = await product(shop, 5);
  const userId = await buyer(shop, [{ product: thing, quantity: 1 }]);
  const event = await made(shop, 'events', { eventType: 'view', userId, payload: { a_b: [1] } });
  t.equal((await post(shop, 'carts', { userId })).status, 409, 'a second cart');
  t.equal((await send(shop.gateway.url, 'DELETE', `/api/users/${userId}`)).status < 300, true);
  t.equal((await send(shop.gateway.url, 'GET', `/api/events/${event.id}`)).body.userId, null, 'set null');
  await mirrored(t, shop, 'carts', (carts) => !carts.some((cart) => cart.userId === userId));
  await mirrored(t, shop, 'cart-items', (items) => !items.some(({ productId }) => productId === thing.id));
  await mirrored(t, shop, 'events', (events) =>
    events.some(({ id, userId: of }) => id === event.id && of === null),
  );
});

t.test('S3: every index is there, partial ones, trigrams and GIN included, and used', async (t) => {
  const shop = await liveShop();
  const wanted: [string, RegExp][] = [
    ['products', /\(active, created_at DESC\) WHERE \(deleted_at IS NULL\)/],
    ['products', /USING gin \(name gin_trgm_ops\)/],
    ['cart_items', /INDEX cart_items_cart_id_idx .*\(cart_id\)/],
    ['orders', /\(user_id, created_at DESC\)/],
    ['orders', /\(status, created_at DESC\)/],
    ['analytics_events', /\(event_type, created_at DESC\)/],
    ['analytics_events', /\(user_id, created_at DESC\) WHERE \(user_id IS NOT NULL\)/],
    ['analytics_events', /USING gin \(payload\)/],
    ['leads', /\(created_at DESC\)/],
    ['leads', /\(email\)/],
  ];
  for (const [table, pattern] of wanted)
    t.ok(
      (await definitions(shop, table)).some((text) => pattern.test(text)),
      `${table}: ${pattern}`,
    );
  const plan = async (sql: string) =>
    await withClient(shop.new.url, async (client) => {
      await client.query('SET enable_seqscan = off');
      return (await client.query<{ 'QUERY PLAN': string }>(`EXPLAIN ${sql}`)).rows
        .map((row) => row['QUERY PLAN'])
        .join('\n');
    });
  const id = '0b5f2c4e-8a7d-4e3b-9c1f-2d6a7b8c9d0e';
  const questions: [from: string, index: RegExp][] = [
    [`products WHERE name ILIKE '%shelf%'`, /products_name_trgm_idx/],
    [
      'products WHERE active AND deleted_at IS NULL ORDER BY created_at DESC',
      /products_active_created_at_idx/,
    ],
    // The unique pair begins with the cart as well.
    [`cart_items WHERE cart_id = '${id}'`, /cart_items_cart_id_/],
    [`orders WHERE user_id = '${id}' ORDER BY created_at DESC`, /orders_user_id_created_at_idx/],
    [`orders WHERE status = 'paid' ORDER BY created_at DESC`, /orders_status_created_at_idx/],
    [
      `analytics_events WHERE event_type = 'view' ORDER BY created_at DESC`,
      /analytics_events_event_type_created_at_idx/,
    ],
    [
      `analytics_events WHERE user_id = '${id}' ORDER BY created_at DESC`,
      /analytics_events_user_id_created_at_idx/,
    ],
    [`analytics_events WHERE payload @> '{"ab": {"variant": "a"}}'`, /payload_idx/],
    ['leads ORDER BY created_at DESC', /leads_created_at_idx/],
    [`leads WHERE email = 'a@example.com'`, /leads_email_idx/],
  ];
  for (const [from, index] of questions) t.match(await plan(`SELECT * FROM ${from}`), index, from);
});

t.test('S4: checkout is one transaction, and its records reach the files by their marks', async (t) => {
  const shop = await liveShop();
  const [oak, ash] = [await product(shop, 5, 19.9), await product(shop, 3, 0.1)];
  const userId = await buyer(shop, [
    { product: oak, quantity: 2 },
    { product: ash, quantity: 3 },
  ]);
  const { status, body, servedBy } = await pay(shop, userId, 'pi_s4');
  t.equal(status, 200, JSON.stringify(body));
  t.equal(servedBy, 'new');
  t.match(body.order, { userId, status: 'paid', total: 40.1, paymentIntentId: 'pi_s4' });
  t.same(
    (body.items as Row[]).map(({ productId, quantity, price }) => [productId, quantity, price]).sort(),
    [
      [oak.id, 2, 19.9],
      [ash.id, 3, 0.1],
    ].sort(),
    'with the prices of that moment',
  );
  const orderId = (body.order as Row).id;
  await mirrored(t, shop, 'orders', (orders) =>
    orders.some(({ id, total }) => id === orderId && total === 40.1),
  );
  await mirrored(
    t,
    shop,
    'order-items',
    (items) => items.filter((item) => item.orderId === orderId).length === 2,
  );
  await mirrored(t, shop, 'products', (all) => all.some(({ id, stock }) => id === oak.id && stock === 3));
  await mirrored(t, shop, 'cart-items', (items) => !items.some(({ productId }) => productId === oak.id));
});

t.test('S4: any failure undoes all of it', async (t) => {
  const shop = await liveShop();
  const [there, scarce] = [await product(shop, 5), await product(shop, 1)];
  const userId = await buyer(shop, [
    { product: there, quantity: 1 },
    { product: scarce, quantity: 2 },
  ]);
  const { status, body } = await pay(shop, userId, 'pi_too_many');
  t.equal(status, 422);
  t.match(JSON.stringify(body), /is there 1 times, not 2 times/);
  t.same(
    (await send(shop.gateway.url, 'GET', '/api/orders?paymentIntentId=pi_too_many')).body,
    [],
    'no order',
  );
  t.equal((await send(shop.gateway.url, 'GET', `/api/products/${there.id}`)).body.stock, 5);
  const empty = await buyer(shop, []);
  t.equal((await pay(shop, empty, 'pi_empty')).status, 422, 'an empty cart');
});

t.test('S4: two buyers of the last piece make one order', async (t) => {
  const shop = await liveShop();
  for (let round = 0; round < 3; round++) {
    const last = await product(shop, 1);
    const lines = [{ product: last, quantity: 1 }];
    const buyers = [await buyer(shop, lines), await buyer(shop, lines), await buyer(shop, lines)];
    const answers = await Promise.all(
      buyers.map((userId, index) => pay(shop, userId, `pi_last_${round}_${index}`)),
    );
    t.same(answers.map(({ status }) => status).sort(), [200, 422, 422]);
    t.equal((await send(shop.gateway.url, 'GET', `/api/products/${last.id}`)).body.stock, 0);
  }
});

t.test('S5: the same payment sent twice makes one order and gets the same answer', async (t) => {
  const shop = await liveShop();
  const thing = await product(shop, 9);
  const userId = await buyer(shop, [{ product: thing, quantity: 2 }]);
  const answers = await Promise.all(Array.from({ length: 4 }, () => pay(shop, userId, 'pi_s5')));
  answers.push(await pay(shop, userId, 'pi_s5', { 'idempotency-key': 'k1' }));
  answers.push(await pay(shop, userId, 'pi_s5', { 'idempotency-key': 'k1' }));
  t.same(
    answers.map(({ status }) => status),
    answers.map(() => 200),
  );
  for (const { body } of answers) t.same(body, answers[0]?.body);
  t.equal((await send(shop.gateway.url, 'GET', '/api/orders?paymentIntentId=pi_s5')).body.length, 1);
  t.equal((await send(shop.gateway.url, 'GET', `/api/products/${thing.id}`)).body.stock, 7, 'sold once');
});

t.test('S6: products are soft-deleted; orders are kept when users or products go', async (t) => {
  const shop = await liveShop();
  const thing = await product(shop, 4);
  const userId = await buyer(shop, [{ product: thing, quantity: 1 }]);
  const { body } = await pay(shop, userId, 'pi_s6');
  t.equal((await send(shop.gateway.url, 'DELETE', `/api/products/${thing.id}`)).status < 300, true);
  const [row] = await shop.new.query<{ deleted: boolean }>(
    'SELECT deleted_at IS NOT NULL AS deleted FROM products WHERE id = $1::uuid',
    [thing.id],
  );
  t.equal(row?.deleted, true, 'it is still there, and said to be gone');
  const other = await buyer(shop, [{ product: thing, quantity: 1 }]);
  t.equal((await pay(shop, other, 'pi_s6_gone')).status, 422, 'it cannot be bought any more');
  t.equal(
    (await send(shop.gateway.url, 'DELETE', `/api/users/${userId}`)).status,
    409,
    'nor goes a user with orders',
  );
  const order = (body as { order: Row }).order;
  t.same((await send(shop.gateway.url, 'GET', `/api/orders/${String(order.id)}`)).body, order);
});

t.test(
  'S7: bounded pool, READ COMMITTED, versioned migrations, statistics of statements as an option',
  async (t) => {
    const shop = await liveShop();
    const [max = 0] =
      /pool: \{ max: (\d+)/
        .exec(await readFile(join(FOLDER, 'routes.config.yaml'), 'utf8'))
        ?.slice(1)
        .map(Number) ?? [];
    t.ok(max >= 10 && max <= 30, `pool of ${max}`);
    const url = shop.new.accounts.gateway;
    const [level] = await withClient(
      url,
      async (client) =>
        (await client.query<{ transaction_isolation: string }>('SHOW transaction_isolation')).rows,
    );
    t.equal(level?.transaction_isolation, 'read committed');
    const migrations = (await readdir(join(FOLDER, 'prisma/migrations'))).filter((name) =>
      /^\d{14}_/.test(name),
    );
    const applied = await shop.new.query(
      'SELECT migration_name FROM _prisma_migrations WHERE finished_at IS NOT NULL',
    );
    t.equal(applied.length, migrations.length);
    t.match(
      await readFile(join(FOLDER, 'options/statements.sql'), 'utf8'),
      /CREATE EXTENSION IF NOT EXISTS pg_stat_statements/,
    );
  },
);

t.test('S8: monthly partitions of events, and row-level security per tenant, as options', async (t) => {
  const shop = await startShop(t, { users: 2 });
  const env = { ...shop.env, BANYAN_CONFIG: shop.config.file };
  const { exit, err } = await call(['migrate'], env, dirname(shop.config.file));
  t.equal(exit, 0, err);
  const gatewayName = new URL(shop.new.accounts.gateway).username;
  const option = async (name: string) =>
    (await readFile(join(FOLDER, 'options', name), 'utf8')).replaceAll(':"gateway"', `"${gatewayName}"`);
  await shop.new.query(
    `INSERT INTO analytics_events (event_type, created_at) VALUES ('old', '2025-03-04'), ('old', '2025-05-31 23:59:59+00')`,
  );
  await withClient(shop.new.accounts.owner, async (client) => {
    for (const name of ['partitions.sql', 'row-level-security.sql']) await client.query(await option(name));
    await client.query(`SELECT make_events_partition('2030-02-15')`);
    await client.query(
      `INSERT INTO analytics_events (event_type, created_at) VALUES ('a', '2030-02-28'), ('b', '1999-01-01')`,
    );
  });
  const places = await shop.new.query<{ place: string; events: number }>(
    'SELECT tableoid::regclass::text AS place, count(*)::int AS events FROM analytics_events GROUP BY 1 ORDER BY 1',
  );
  t.same(places, [
    { place: 'analytics_events_2025_03', events: 1 },
    { place: 'analytics_events_2025_05', events: 1 },
    { place: 'analytics_events_2030_02', events: 1 },
    { place: 'analytics_events_other', events: 1 },
  ]);
  const [one, two] = ['00000000-0000-4000-8000-000000000001', '00000000-0000-4000-8000-000000000002'];
  await shop.new.query(
    `INSERT INTO users (email, name, tenant_id) VALUES ('a@x', 'A', $1::uuid), ('b@x', 'B', $2::uuid)`,
    [one, two],
  );
  const seen = await withClient(shop.new.accounts.reports, async (client) => {
    await client.query(`SELECT set_config('shop.tenant', $1, false)`, [two]);
    return (await client.query<{ name: string }>('SELECT name FROM users')).rows.map(({ name }) => name);
  });
  t.same(seen, ['B'], 'a program beside the gateway sees its tenant only');
  const all = await withClient(
    shop.new.accounts.gateway,
    async (client) => (await client.query('SELECT FROM users')).rowCount,
  );
  t.equal(all, 2, 'the gateway sees all');
});

t.test(
  'S9: every record of the files is in a table or in the export, with the reason, and the counts add up',
  async (t) => {
    const shop = await startShop(t, { dirty: true, users: 12, seed: 5 });
    const env = { ...shop.env, BANYAN_CONFIG: shop.config.file, BANYAN_ACTOR: 'ada' };
    const banyan = async (...words: string[]) => {
      const said = await call([...words, '--json'], env, dirname(shop.config.file));
      // eslint-disable-next-line @typescript-eslint/no-explicit-any
      return { ...said, document: JSON.parse(said.out || 'null') as any };
    };
    await startGateway(t, { config: shop.config, env: shop.env });
    for (const name of Object.keys(RESOURCES)) {
      const why = [
        '--force',
        'round-trip',
        '--reason',
        'values that Postgres refuses are kept apart',
        '--yes',
      ];
      const { exit, err, out } = await banyan('switch', name, 'dual-write', ...why);
      t.equal(exit, 0, `${name}: ${err}${out}`);
    }
    const accounted = async () => {
      const sums: Record<string, [number, number, number]> = {};
      for (const [name, table] of Object.entries(RESOURCES)) {
        const records = (await shop.file(table)).length;
        const [{ rows } = { rows: 0 }] = await shop.new.query<{ rows: number }>(
          `SELECT count(*)::int AS rows FROM ${table}`,
        );
        const [{ letters } = { letters: 0 }] = await shop.new.query<{ letters: number }>(
          'SELECT count(*)::int AS letters FROM banyan.failure WHERE resource = $1 AND dead_at IS NOT NULL',
          [name],
        );
        sums[name] = [records, rows, letters];
      }
      return sums;
    };
    await until(
      async () =>
        Object.values(await accounted()).every(([records, rows, letters]) => records === rows + letters),
      {
        what: 'every record is in a table or a dead letter',
        timeout: 60_000,
      },
    ).catch(async (error: Error) => t.fail(error.message, { sums: await accounted() }));
    const file = join(shop.data, 'letters.jsonl');
    const { document } = await banyan('dead-letters', 'export', '--file', file);
    const letters = (await readFile(file, 'utf8'))
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { resource: string; key: string; reason: string; row: Row });
    t.equal(document.total, letters.length);
    for (const [name, table] of Object.entries(RESOURCES)) {
      const records = (await shop.file(table)).map(({ id }) => String(id));
      const rows = (await shop.new.query<{ id: string }>(`SELECT id::text FROM ${table}`)).map(
        ({ id }) => id,
      );
      const apart = letters.filter(({ resource }) => resource === name).map(({ key }) => key);
      t.same(
        [...rows, ...apart].sort(),
        records.sort(),
        `${name}: ${rows.length} moved, ${apart.length} kept apart`,
      );
    }
    const reasonOf = (mark: string) =>
      letters.find(({ row }) => JSON.stringify(row).includes(mark))?.reason ?? '';
    const reasons: Record<string, RegExp> = {
      'The same email': /email/,
      'No such role': /role|owner/,
      'No email': /email/,
      'Negative stock': /stock/,
      'A price in words': /price/,
      'Half a piece': /stock/,
    };
    for (const [mark, reason] of Object.entries(reasons)) t.match(reasonOf(mark), reason, mark);
    t.comment(letters.map(({ resource, reason }) => `${resource}: ${reason}`).join('\n'));

    await t.test('what was kept apart is repaired in the files, and moves then', async (t) => {
      const products = await shop.file('products');
      const negative = products.find(({ name }) => name === 'Negative stock') as { id: string };
      const repaired = products.map((one) => (one.id === negative.id ? { ...one, stock: 3 } : one));
      await writeFile(join(shop.data, 'products.json'), JSON.stringify(repaired, null, 2));
      t.equal((await banyan('dead-letters', 'retry', 'products', negative.id)).exit, 0);
      await until(
        async () =>
          (await shop.new.query('SELECT FROM products WHERE id = $1::uuid', [negative.id])).length === 1,
        { what: 'the repaired record is in the table' },
      );
      const [records, rows, left] = (await accounted()).products ?? [];
      t.equal(records, (rows ?? 0) + (left ?? 0));
    });
  },
);

t.test('S9: clean files move as a whole, and the whole road back', async (t) => {
  const shop = await liveShop();
  t.equal(
    await schemaDifference({
      url: shop.new.accounts.owner,
      schema: join(FOLDER, 'prisma/schema.prisma'),
    }).then((text) =>
      // What Prisma's models cannot say: partial and trigram indexes.
      text.replace(
        /-- DropIndex\nDROP INDEX "(products_active_created_at_idx|products_name_trgm_idx|analytics_events_user_id_created_at_idx)";\n*/g,
        '',
      ),
    ),
    '',
    'migrations and models agree',
  );
  for (const mode of ['shadow', 'dual-write', 'legacy']) await shop.moveAll(mode);
  const { status, servedBy, body } = await send(shop.gateway.url, 'GET', '/api/orders?paymentIntentId=pi_s4');
  t.same(
    [status, servedBy, (body as Row[]).length],
    [200, 'legacy', 1],
    'the files have what was bought on the way',
  );
  const thing = await product(shop, 9);
  const userId = await buyer(shop, [
    { product: thing, quantity: 2 },
    { product: await product(shop, 9), quantity: 1 },
  ]);
  const answers = await Promise.all(Array.from({ length: 4 }, () => pay(shop, userId, 'pi_files')));
  for (const { status, body: paid } of answers) t.same([status, paid], [200, answers[0]?.body]);
  const orders = await shop.file('orders');
  t.equal(
    orders.filter(({ paymentIntentId }) => paymentIntentId === 'pi_files').length,
    1,
    'S5 holds there too',
  );
  t.equal((await send(shop.gateway.url, 'GET', `/api/products/${thing.id}`)).body.stock, 7, 'sold once');
});

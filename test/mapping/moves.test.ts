import t from 'tap';
import type { Row } from '../../src/domain/values.ts';
import { translateId } from '../../src/mapping/ids.ts';
import { send } from '../harness/api.ts';
import { until } from '../harness/wait.ts';
import { openShop, type Shop } from './place.ts';

const hex = (n: number) => n.toString(16).padStart(24, '0');
const uuid = (n: number) => translateId('objectid', 'uuid', hex(n)) as string;

/** Categories in a chain downwards, the children first, and two that are each other's parent. */
const CATEGORIES: Row[] = [
  { _id: hex(1), parentId: hex(9), name: 'leaf' },
  { _id: hex(5), parentId: hex(6), name: 'egg' },
  { _id: hex(6), parentId: hex(5), name: 'hen' },
  { _id: hex(9), parentId: hex(12), name: 'branch' },
  { _id: hex(12), parentId: null, name: 'root' },
];
const product = (n: number, more: Row = {}): Row => ({
  _id: hex(n),
  categoryId: hex(1),
  sku: `SKU-${n}`,
  price: 9.5,
  stock: 3,
  relatedIds: [hex(101)],
  ...more,
});

async function inSync(shop: Shop, name: string): Promise<void> {
  await until(async () => (await shop.json(`status ${name}`)).document.resources[0].journal.marks === 0, {
    what: `the journal of ${name} is empty`,
  });
}

t.test(
  'a resource with ObjectIds goes to UUIDs and back, its references and its clients with it',
  async (t) => {
    const shop = await openShop(t, {
      categories: CATEGORIES,
      products: [
        product(101, { colour: 'red' }),
        product(102, { status: 'sold', relatedIds: [hex(101), hex(102)] }),
      ],
      orders: [],
    });
    const gateway = await shop.gateway();

    await t.test('in every mode answers carry the old id, and both ids are taken', async (t) => {
      for (const mode of ['legacy', 'dual-write', 'shadow', 'live', 'new']) {
        if (mode === 'shadow') {
          await shop.did('backfill categories', 'backfill products');
          await shop.did('verify categories', 'verify products');
        }
        if (mode === 'live') await shop.did('verify categories', 'verify products');
        await shop.did(`switch categories ${mode} --yes`, `switch products ${mode} --yes`);
        for (const id of [hex(102), uuid(102), hex(102).toUpperCase()]) {
          const { status, body } = await send(gateway.url, 'GET', `/products/${id}`);
          t.equal(status, 200, `${mode}: ${id}`);
          t.match(body, {
            id: hex(102),
            categoryId: hex(1),
            relatedIds: [hex(101), hex(102)],
            status: 'sold',
          });
        }
        t.match((await send(gateway.url, 'GET', '/products/' + hex(101))).body, {
          status: 'draft',
          extra: { colour: 'red' },
        });
        for (const id of [hex(1), uuid(1)]) {
          const { body } = await send(gateway.url, 'GET', `/products?categoryId=${id}&sort=sku`);
          t.match(body, [{ id: hex(101) }, { id: hex(102) }], `${mode}: filtered by ${id}`);
        }
        const made = await send(gateway.url, 'POST', '/products', {
          sku: `m ${mode}`,
          price: 1,
          stock: 1,
          relatedIds: [uuid(102)],
        });
        t.match(
          made.body,
          { id: /^[0-9a-f]{24}$/, relatedIds: [hex(102)] },
          `${mode}: a new id has the old form`,
        );
        const id = String(made.body.id);
        const changed = await send(gateway.url, 'PATCH', `/products/${translateId('objectid', 'uuid', id)}`, {
          stock: 2,
        });
        t.match(changed, { status: 200, body: { id, stock: 2 } });
      }
    });

    await t.test('both sides have the same records, each in its own form', async (t) => {
      const rows = await shop.new.query<{ id: string }>('SELECT * FROM products ORDER BY sku');
      t.equal(rows.length, 7);
      t.match(
        rows.find(({ id }) => id === uuid(102)),
        { category_id: uuid(1), related_ids: [uuid(101), uuid(102)], status: 'sold' },
      );
      t.same(
        await shop.new.query('SELECT id, parent_id FROM categories ORDER BY id'),
        CATEGORIES.map(({ _id, parentId }) => ({
          id: translateId('objectid', 'uuid', String(_id)),
          parent_id: parentId && translateId('objectid', 'uuid', String(parentId)),
        })),
        'records that refer to each other too',
      );
    });

    await t.test(
      'on the way back legacy has what was made and changed on the new side, and the rest as it was',
      async (t) => {
        await shop.did('rollback products --yes', 'rollback products --yes');
        await inSync(shop, 'products');
        const { products = [] } = await shop.read();
        t.equal(products.length, 7);
        t.match(
          products.find(({ sku }) => sku === 'm live'),
          { _id: /^[0-9a-f]{24}$/, relatedIds: [hex(102)], stock: 2 },
        );
        t.same(
          products.find(({ _id }) => _id === hex(101)),
          product(101, { colour: 'red' }),
          'an untouched default is missing still, and unknown fields are there',
        );
        t.match(await shop.json('verify products'), { exit: 0 });
      },
    );
  },
);

t.test('values that could not come back are listed by field and keep the resource where it is', async (t) => {
  const shop = await openShop(t, {
    // Cut for the report, it ends with half a tree.
    categories: [{ _id: hex(1), parentId: null, name: '🌳'.repeat(61), colour: 'red' }],
    products: [
      product(101),
      product(102, { sku: 'much too long', price: 1.005, stock: 2 ** 31, relatedIds: ['nothing'] }),
      product(103, { sku: 'a\u0000b', price: '12 EUR', stock: null }),
    ],
    orders: [],
  });
  const { exit, document } = await shop.json('lint products');
  t.equal(exit, 5);
  const found = Object.fromEntries(
    document.findings
      .filter(({ severity }: { severity: string }) => severity === 'lost')
      .map(({ field, problem, count, samples }: Record<string, never>) => [
        `${field}: ${problem}`,
        [count, (samples as unknown as { key: string }[])[0]?.key],
      ]),
  );
  t.same(found, {
    'sku: too long': [1, uuid(102)],
    'price: too many digits': [1, uuid(102)],
    'stock: out of range': [1, uuid(102)],
    'relatedIds: an id of another form': [1, uuid(102)],
    'sku: the character U+0000': [1, uuid(103)],
    'price: another type': [1, uuid(103)],
    'stock: null where the new side takes none': [1, uuid(103)],
  });
  t.match(await shop.json('lint categories'), {
    document: {
      findings: [
        { field: 'colour', problem: 'no field names it' },
        { field: 'name', problem: 'too long' },
      ],
    },
  });

  const refused = await shop.json('switch categories dual-write');
  t.equal(refused.exit, 3);
  t.match(
    refused.document.refused.guards.find(({ met }: { met: boolean }) => !met),
    { guard: 'round-trip', reason: /2 values of 1 rows could not come back: .*name: too long \(1\)/ },
  );
  await shop.write({ categories: [{ _id: hex(1), parentId: null, name: 'short' }] });
  t.match(await shop.json('lint categories'), { exit: 0, document: { lost: 0, rows: 1, complete: true } });
  await shop.did('switch categories dual-write');
});

t.test(
  'refused records become dead letters with the reason, and are synced when they are corrected',
  async (t) => {
    const shop = await openShop(t, {
      categories: [],
      products: [
        product(101, { categoryId: null }),
        product(102, { categoryId: null, price: -1 }), // a constraint
        product(103, { categoryId: hex(77) }), // a parent that is nowhere
        product(104, { categoryId: null, stock: 'many' }), // a type
        product(105, { categoryId: null, sku: 'SKU-101' }), // taken
      ],
      orders: [],
    });
    await shop.did('switch categories dual-write', 'backfill categories');
    await shop.did('switch products dual-write --force round-trip --reason test');
    const copied = await shop.json('backfill products');
    t.equal(copied.exit, 5);
    // The marks of a backfill are worked off by whoever runs.
    const gateway = await shop.gateway();
    const dead = async () =>
      (await shop.json('dead-letters list products')).document.resources[0] ?? { dead: 0 };
    await until(async () => (await dead()).dead === 4, { what: 'all four are dead letters' });

    const { byCode, letters, backingOff } = await dead();
    t.same(byCode, {
      'constraint-violated': 1,
      duplicate: 1,
      'reference-missing': 1,
      'validation-failed': 1,
    });
    t.equal(backingOff, 0);
    t.match(
      letters.map(({ key, reason }: { key: string; reason: string }) => [key, reason]),
      [
        [uuid(102), /^the new side .*price/],
        [uuid(103), /categor/],
        [uuid(104), /stock/],
        [uuid(105), /sku/],
      ],
    );
    t.match(await shop.json(`dead-letters show products ${hex(102)}`), {
      document: {
        letter: { attempts: Number },
        record: { price: -1 },
        now: { legacy: { price: -1 }, new: null },
      },
    });
    t.match((await shop.json('status products')).document.resources[0].refused, { dead: 4, backingOff: 0 });
    t.equal(
      (await shop.new.query('SELECT * FROM products')).length,
      1,
      'one moved and four refused are all five',
    );
    const refused = await shop.json('switch products shadow');
    t.match(
      refused.document.refused.guards.find(({ guard }: { guard: string }) => guard === 'dead-letters'),
      { met: false, reason: /4 dead letters/ },
    );

    await t.test('an export has each with its reason and the whole record', async (t) => {
      const { document } = await shop.json(`dead-letters export products --file -`);
      t.equal(document.total, 4);
      const lines = document.lines.map((line: string) => JSON.parse(line));
      t.match(lines[0], {
        resource: 'products',
        key: uuid(102),
        code: 'constraint-violated',
        row: { _id: hex(102) },
      });
      t.equal(new Set(lines.map(({ key }: { key: string }) => key)).size, 4);
    });

    await t.test('a record that is corrected through the API is synced by that write', async (t) => {
      const { status } = await send(gateway.url, 'PATCH', `/products/${hex(102)}`, { price: 1 });
      t.equal(status, 200);
      await until(async () => (await dead()).dead === 3, { what: 'the letter is gone' });
    });

    await t.test(
      'records that are corrected behind it are synced by a retry; what is still wrong stays',
      async (t) => {
        const { products = [] } = await shop.read();
        const correct: Record<string, Row> = { [hex(103)]: { categoryId: null }, [hex(104)]: { stock: 4 } };
        await shop.write({ products: products.map((row) => ({ ...row, ...correct[String(row._id)] })) });
        const { exit, document } = await shop.json('dead-letters retry products');
        t.equal(exit, 5);
        t.match(document.resources[0], {
          retried: 3,
          synced: 2,
          left: [{ key: uuid(105), reason: /duplicate/ }],
        });
        t.equal((await shop.new.query('SELECT * FROM products')).length, 4);
      },
    );

    await t.test('a letter that nobody needs is discarded with a reason', async (t) => {
      await until(async () => (await dead()).dead === 1, { what: 'the last one is dead again' });
      t.match(await shop.json('dead-letters discard products'), { exit: 2 });
      t.match(await shop.json('dead-letters discard products --reason exported'), {
        document: { discarded: 1 },
      });
      const { document } = await shop.json('audit products');
      t.match(
        document.entries.find(({ action }: { action: string }) => action === 'dead-letters-discarded'),
        { actor: 'ada@cli', details: { reason: 'exported', letters: 1, keys: [uuid(105)] } },
      );
    });
  },
);

t.test(
  'an array of documents is a child table on the new side, and the array again for clients',
  async (t) => {
    const line = (n: number, more: Row = {}): Row => ({
      productId: hex(n),
      quantity: 1,
      unitPrice: 2.5,
      note: null,
      ...more,
    });
    const order = (n: number, lines: Row[]): Row => ({
      _id: hex(n),
      number: `N-${n}`,
      placedAt: '2026-01-02T03:04:05.678Z',
      lines,
    });
    const shop = await openShop(t, {
      categories: [],
      products: [101, 102].map((n) => product(n, { categoryId: null })),
      orders: [order(201, [line(102), line(101, { note: 'gift' })]), order(202, [])],
    });
    t.match(await shop.json('lint orders'), { exit: 0, document: { rows: 2, lost: 0 } });
    await shop.did('switch categories dual-write', 'switch products dual-write', 'switch orders dual-write');
    // The products of the lines are brought over first.
    await shop.did('backfill orders', 'verify orders');
    const lines = async () =>
      await shop.new.query(
        'SELECT order_id, position, product_id, unit_price::text, note FROM order_lines ORDER BY order_id, position',
      );
    const held = (n: number, position: number, of: number, more = {}) => ({
      order_id: uuid(n),
      position,
      product_id: uuid(of),
      unit_price: '2.50',
      note: null,
      ...more,
    });
    t.same(await lines(), [held(201, 0, 102), held(201, 1, 101, { note: 'gift' })]);

    const gateway = await shop.gateway();
    const get = async () => (await send(gateway.url, 'GET', `/orders/${hex(201)}`)).body;
    const inLegacy = await get();
    await shop.did('backfill products', 'verify products', 'switch products live --yes');
    await shop.did('switch orders live --yes');
    t.same(await get(), inLegacy, 'the same record from either side');

    await t.test('lines are written with their order, and legacy follows', async (t) => {
      const made = await send(gateway.url, 'POST', '/orders', {
        number: 'N-made',
        placedAt: '2026-02-03T00:00:00Z',
        lines: [{ productId: uuid(101), quantity: 2, unitPrice: 1.1 }],
      });
      t.match(made, {
        status: 201,
        body: { lines: [{ productId: hex(101), quantity: 2, unitPrice: 1.1, note: null }] },
      });
      const changed = await send(gateway.url, 'PATCH', `/orders/${hex(201)}`, { lines: [line(101)] });
      t.match(changed, { status: 200, body: { number: 'N-201', lines: [{ productId: hex(101) }] } });
      const wrong = await send(gateway.url, 'PATCH', `/orders/${hex(201)}`, { lines: [{ quantity: 'x' }] });
      t.match(wrong, {
        status: 400,
        body: { error: { message: /lines item 0: productId must not be null/ } },
      });
      await inSync(shop, 'orders');
      const { orders = [] } = await shop.read();
      t.match(
        orders.find(({ number }) => number === 'N-made'),
        { lines: [{ productId: hex(101), quantity: 2, unitPrice: 1.1 }] },
      );
      t.equal((orders.find(({ _id }) => _id === hex(201))?.lines as Row[]).length, 1);
    });

    await t.test('a line that somebody changes by SQL is a change of its order', async (t) => {
      await shop.new.query('UPDATE order_lines SET quantity = 7 WHERE order_id = $1', [uuid(201)]);
      await until(
        async () => {
          const { orders = [] } = await shop.read();
          return (orders.find(({ _id }) => _id === hex(201))?.lines as Row[])[0]?.quantity === 7;
        },
        { what: 'legacy has it' },
      );
      t.match(await shop.json('verify orders'), { exit: 0 });
    });

    await t.test('an order that is deleted takes its lines with it on both sides', async (t) => {
      t.equal((await send(gateway.url, 'DELETE', `/orders/${hex(201)}`)).status, 200);
      await inSync(shop, 'orders');
      t.equal((await shop.read()).orders?.length, 2);
      t.equal((await lines()).length, 1);
      t.match(await shop.json('verify orders'), { exit: 0 });
    });
  },
);

t.test('merged: an array is moved as a child table, and is the array again on the way back', async (t) => {
  const line = (of: number, quantity = 1): Row => ({
    productId: hex(of),
    quantity,
    unitPrice: 2.5,
    note: null,
  });
  const order = (n: number, lines: Row[]): Row => ({
    _id: hex(n),
    number: `N-${n}`,
    placedAt: '2026-01-02T03:04:05.678Z',
    lines,
  });
  const orders = [
    order(201, [line(102), line(101)]),
    order(202, [line(101)]),
    order(203, []),
    order(204, [line(102)]),
  ];
  const shop = await openShop(t, {
    categories: [],
    products: [101, 102].map((n) => product(n, { categoryId: null })),
    orders,
  });
  await shop.did('switch categories dual-write', 'switch products dual-write', 'switch orders merged --yes');
  const gateway = await shop.gateway();
  const list = async () => (await send(gateway.url, 'GET', '/orders?sort=number')).body as Row[];
  const shown = async () =>
    (await list()).map(({ number, lines }) => [number, ...(lines as Row[]).map(({ quantity }) => quantity)]);
  const rows = async () =>
    await shop.new.query(
      'SELECT order_id, position, product_id, quantity FROM order_lines ORDER BY order_id, position',
    );
  const row = (n: number, position: number, of: number, quantity = 1) => ({
    order_id: uuid(n),
    position,
    product_id: uuid(of),
    quantity,
  });
  const patch = async (n: number, changes: Row) =>
    await send(gateway.url, 'PATCH', `/orders/${hex(n)}`, changes);

  t.match(await patch(201, { number: 'N-201a' }), {
    status: 200,
    body: { lines: [{ productId: hex(102) }, { productId: hex(101) }] },
  });
  t.same(await rows(), [row(201, 0, 102), row(201, 1, 101)], 'a change of the order moves its lines too');
  t.match(await patch(202, { lines: [line(102, 5), line(101, 6)] }), { status: 200 });
  t.equal((await patch(202, { lines: [line(999)] })).status, 409, 'a line of a product that is nowhere');
  t.equal((await patch(204, { lines: [line(999)] })).status, 409, 'of an order that is in legacy too');
  t.equal((await send(gateway.url, 'DELETE', `/orders/${hex(203)}`)).status, 200);
  const made = await send(gateway.url, 'POST', '/orders', {
    number: 'N-made',
    placedAt: '2026-02-03T00:00:00Z',
    lines: [{ productId: uuid(101), quantity: 9, unitPrice: 1.1 }],
  });
  t.match(made, { status: 201, body: { lines: [{ productId: hex(101) }] } });
  await shop.new.query('DELETE FROM order_lines WHERE order_id = $1 AND position = 0', [uuid(201)]);
  const now = [
    ['N-201a', 1],
    ['N-202', 5, 6],
    ['N-204', 1],
    ['N-made', 9],
  ];
  t.same(await shown(), now, 'both sides as one; an order that lost a line is no deleted one');
  t.same((await shop.read()).orders, orders, 'legacy is only read');
  t.equal((await shop.json('backfill orders')).exit, 0);
  t.same(await shown(), now, 'the same when all is moved');
  t.equal((await rows()).length, 5);

  await shop.did('switch orders legacy --yes');
  t.same(await shown(), now, 'and when legacy answers again');
  const { orders: back = [] } = await shop.read();
  t.equal(back.length, 4);
  t.same(
    back.find(({ _id }) => _id === hex(204)),
    orders[3],
    'what nobody changed is as it was',
  );
  t.equal((await patch(204, { lines: [line(101, 7)] })).status, 200);
  await shop.did('switch orders merged --yes');
  t.same(
    await shown(),
    now.map((one) => (one[0] === 'N-204' ? ['N-204', 7] : one)),
    'the next time nothing old is there',
  );
  t.same(await rows(), [], 'lines neither');
});

t.test('merged: the parents of a record are moved before it, whoever writes it', async (t) => {
  const shop = await openShop(t, { categories: CATEGORIES, products: [], orders: [] });
  await shop.did('switch categories merged --yes');
  const gateway = await shop.gateway();
  const moved = async () =>
    (await shop.new.query<{ name: string }>('SELECT name FROM categories ORDER BY name')).map(
      ({ name }) => name,
    );
  const patch = async (n: number, changes: Row) =>
    await send(gateway.url, 'PATCH', `/categories/${hex(n)}`, changes);
  t.match(await patch(9, { name: 'bough' }), { status: 200, body: { parentId: hex(12) } });
  t.same(await moved(), ['bough', 'root'], 'the parent of a record that is changed');
  t.match(await patch(12, { parentId: hex(6) }), { status: 200, body: { parentId: hex(6) } });
  t.same(await moved(), ['bough', 'egg', 'hen', 'root'], 'a new parent, and what it refers to');
  t.equal((await send(gateway.url, 'POST', '/categories', { name: 'bud', parentId: hex(1) })).status, 201);
  t.same(
    await moved(),
    ['bough', 'bud', 'egg', 'hen', 'leaf', 'root'],
    'the parent of a record that is made',
  );
});

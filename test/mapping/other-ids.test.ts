import t from 'tap';
import { translateId } from '../../src/mapping/ids.ts';
import { send } from '../harness/api.ts';
import { until } from '../harness/wait.ts';
import { openShop } from './place.ts';

t.test('integers of legacy are UUIDs on the new side, and clients go on with the integers', async (t) => {
  const notes = [1, 2, 10].map((id) => ({ id, text: `note ${id}` }));
  const shop = await openShop(t, { notes });
  await shop.did('switch notes dual-write', 'backfill notes', 'verify notes', 'switch notes shadow');
  const gateway = await shop.gateway();
  const first = await send(gateway.url, 'POST', '/notes', { text: 'drawn by legacy' });
  t.match(first, { status: 201, body: { id: 11 } });
  await shop.did('switch notes live --yes --force sequences-ready --reason files-have-none');
  const second = await send(gateway.url, 'POST', '/notes', { text: 'drawn for new' });
  t.match(second, { status: 201, body: { id: 12 } }, 'beyond the highest of legacy');
  t.same(
    (await shop.new.query<{ id: string }>('SELECT id FROM notes ORDER BY id')).map(({ id }) => id),
    [1, 2, 10, 11, 12].map((id) => translateId('int', 'uuid', String(id))),
    'in the order of the integers',
  );
  t.match((await send(gateway.url, 'GET', '/notes/10')).body, { id: 10, text: 'note 10' });
  t.match((await send(gateway.url, 'GET', '/notes?limit=2')).body, [{ id: 1 }, { id: 2 }]);
  await shop.did('switch notes shadow --yes --force sequences-ready --reason files-have-none');
  t.match(await send(gateway.url, 'POST', '/notes', { text: 'drawn by legacy again' }), { body: { id: 13 } });
  t.match(await shop.json('verify notes'), { exit: 0 });
});

t.test('records whose id has no form on the new side stay in legacy, each with the reason', async (t) => {
  const uuid = (n: number) => `00000000-0000-4000-8000-00000000000${n}`;
  const shop = await openShop(t, {
    people: [
      { id: uuid(1), name: 'Lovelace, Ada' },
      { id: 'customer-7', name: 'Hopper, Grace' },
      { id: 'customer-8', name: 'Kahn, Philippe' },
      { id: 'customer-9', name: 'Moore, Ann' },
      { id: uuid(2), name: 'Turing' },
      { id: uuid(3), name: 'Hamilton, Margaret' },
    ],
  });
  const { document } = await shop.json('lint people');
  t.match(
    document.findings.map(({ field, problem, count }: Record<string, unknown>) => [field, problem, count]),
    [
      ['id', 'an id without a form on the other side', 3],
      ['first, last', 'the module of "custom" failed', 1],
    ],
  );
  await shop.did('switch people dual-write --force round-trip --reason test');
  const gateway = await shop.gateway();
  const found = await send(gateway.url, 'GET', '/people/customer-7');
  t.match(found, { status: 200, body: { id: 'customer-7', first: 'Grace', last: 'Hopper' } });
  const none = await send(gateway.url, 'GET', '/people/customer-99');
  t.match(none, { status: 404, body: { error: { message: 'people has no record "customer-99"' } } });
  const changed = await send(gateway.url, 'PATCH', `/people/${uuid(1)}`, { first: 'Augusta Ada' });
  t.match(changed, { status: 200, body: { first: 'Augusta Ada', last: 'Lovelace' } });
  t.match(await send(gateway.url, 'GET', `/people/${uuid(2)}`), {
    status: 502,
    body: {
      error: {
        code: 'mapping-failed',
        message: /names.ts failed on name of record ".*2": there is no comma/,
      },
    },
  });

  const { document: copied } = await shop.json('backfill people');
  t.match(copied, { visited: 6, total: 6, refused: { dead: 4, backingOff: 0 } });
  const { document: letters } = await shop.json('dead-letters list people');
  t.same(letters.resources[0].byCode, { 'id-untranslatable': 3, 'mapping-failed': 1 });
  t.equal((await shop.new.query('SELECT * FROM people')).length, 2, 'two moved and four refused are all six');
  t.match(await shop.json('verify people'), { exit: 5 });
  t.match(await shop.json('dead-letters show people customer-7'), {
    document: { letter: { code: 'id-untranslatable' }, now: { legacy: { first: 'Grace' }, new: null } },
  });
  const { people = [] } = await shop.read();
  t.equal(
    people.find(({ id }) => id === uuid(1))?.name,
    'Lovelace, Augusta Ada',
    'both fields are in one column',
  );
});

/** Every id of a list, page by page, and what its total says. */
async function pages(url: string, path: string, limit: number): Promise<{ ids: unknown[]; total: unknown }> {
  const ids: unknown[] = [];
  for (let cursor = ''; ids.length < 100;) {
    const { status, body, headers } = await send(url, 'GET', `${path}?limit=${limit}${cursor}`);
    if (status !== 200) throw new Error(`${path} ${cursor}: ${status} ${JSON.stringify(body)}`);
    ids.push(...body.map(({ id }: { id: unknown }) => id));
    const next = headers.get('x-next-cursor');
    if (next === null) break;
    cursor = `&cursor=${encodeURIComponent(next)}`;
  }
  const { headers } = await send(url, 'GET', `${path}?limit=1&total=true`);
  return { ids, total: Number(headers.get('x-total-count')) };
}

t.test(
  'merged: ids that only the new side can have are in every list, and are told on the way back',
  async (t) => {
    const hex = (n: number) => n.toString(16).padStart(24, '0');
    const own = [1, 5, 9].map(hex);
    const shop = await openShop(t, {
      categories: own.map((id) => ({ _id: id, parentId: null, name: 'the same' })),
    });
    await shop.did('switch categories merged --yes');
    // Before all ObjectIds, between two of them, and after all.
    const foreign = [
      '00000000-0000-4000-8000-000000000001',
      '00000000-0000-8000-8000-000006000000',
      'ffffffff-ffff-4fff-bfff-ffffffffffff',
    ] as const;
    for (const id of foreign)
      await shop.new.query(`INSERT INTO categories (id, name) VALUES ($1, 'the same')`, [id]);
    const gateway = await shop.gateway();
    const all = [foreign[0], own[0], own[1], foreign[1], own[2], foreign[2]];
    for (const limit of [1, 2, 5, 10])
      t.same(await pages(gateway.url, '/categories', limit), { ids: all, total: 6 }, `${limit} a page`);
    t.match(await send(gateway.url, 'GET', `/categories/${foreign[1]}`), {
      status: 200,
      body: { id: foreign[1] },
    });
    const changed = await send(gateway.url, 'PATCH', `/categories/${foreign[1]}`, { parentId: own[0] });
    t.match(changed, { status: 200, body: { id: foreign[1], parentId: own[0] } });
    t.match(await send(gateway.url, 'PATCH', `/categories/${own[1]}`, { parentId: foreign[1] }), {
      status: 400,
      body: { error: { message: /parentId must be/ } },
    });
    t.equal((await send(gateway.url, 'DELETE', `/categories/${foreign[0]}`)).status, 200);
    await shop.did('backfill categories');
    t.same(await pages(gateway.url, '/categories', 2), { ids: all.slice(1), total: 5 }, 'when all is moved');

    const back = await shop.json('switch categories legacy --yes');
    t.not(back.exit, 0, JSON.stringify(back.document));
    const letters = async () => (await shop.json('dead-letters list categories')).document.resources[0];
    await until(async () => (await letters())?.dead === 2, { what: 'both are dead letters' });
    t.same((await letters()).byCode, { 'id-untranslatable': 2 });
    t.equal((await send(gateway.url, 'GET', `/categories/${foreign[2]}`)).status, 200, 'and nothing is lost');
  },
);

t.test(
  'merged: ids that only legacy can have are in every list, and stay there with the reason',
  async (t) => {
    const uuid = (n: number) => `c0000000-0000-4000-8000-00000000000${n}`;
    const foreign = ['customer-7', 'customer-8', 'aardvark', 'zebra'];
    const shop = await openShop(t, {
      people: [uuid(1), uuid(3), ...foreign].map((id) => ({ id, name: 'Of, Legacy' })),
    });
    await shop.did('switch people merged --yes --force round-trip --reason test');
    const gateway = await shop.gateway();
    const made = String(
      (await send(gateway.url, 'POST', '/people', { first: 'Ada', last: 'Lovelace' })).body.id,
    );
    await shop.new.query(`INSERT INTO people (id, first, last) VALUES ($1, 'By', 'SQL')`, [uuid(2)]);
    const there = (without: string[] = []) =>
      [uuid(1), uuid(2), uuid(3), made, ...foreign].filter((id) => !without.includes(id)).sort();
    const right = async (claim: string, without: string[] = []) => {
      const ids = there(without);
      for (const limit of [1, 3, 10])
        t.same(
          await pages(gateway.url, '/people', limit),
          { ids, total: ids.length },
          `${claim}, ${limit} a page`,
        );
    };
    await right('nothing is moved');
    t.match(await send(gateway.url, 'PATCH', '/people/customer-7', { first: 'Grace' }), {
      status: 422,
      body: {
        error: { code: 'id-untranslatable', message: /"customer-7" could not be moved to the new side/ },
      },
    });
    t.match(await send(gateway.url, 'GET', '/people/customer-7'), { status: 200, body: { first: 'Legacy' } });
    t.equal((await send(gateway.url, 'DELETE', '/people/customer-8')).status, 200, 'a delete needs no move');
    t.equal((await send(gateway.url, 'GET', '/people/customer-8')).status, 404);
    await right('one is deleted', ['customer-8']);
    t.match(await shop.json('backfill people'), { document: { visited: 6, refused: { dead: 3 } } });
    await right('the rest is moved', ['customer-8']);
    const { document } = await shop.json('dead-letters list people');
    t.same(document.resources[0].byCode, { 'id-untranslatable': 3 });
  },
);

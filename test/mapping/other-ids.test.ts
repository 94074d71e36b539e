import t from 'tap';
import { translateId } from '../../src/mapping/ids.ts';
import { send } from '../harness/api.ts';
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

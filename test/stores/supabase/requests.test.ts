import t from 'tap';
import { exactNumber } from '../../../src/domain/values.ts';
import { answering, ID, KEY, SPEC } from './answering.ts';

const row = {
  id: ID,
  name: 'x',
  big: '9007199254740993',
  meta: '{"n":12345678901234567890}',
  tags: '{a,"b,c",NULL,"NULL"}',
};

t.test('values that a double cannot hold travel exactly, both ways', async (t) => {
  const { store, received } = await answering(t, () => ({ status: 201, body: JSON.stringify([row]) }));
  const big = exactNumber('9007199254740993');
  const meta = { n: exactNumber('12345678901234567890') };
  const inserted = await store.table(SPEC).insert({ id: ID, big, meta, tags: ['a', 'b,c', null, 'NULL'] });
  t.same(inserted, { id: ID, name: 'x', big, meta, tags: ['a', 'b,c', null, 'NULL'] });
  t.equal(
    received[0]?.body,
    `{"id":"${ID}","big":"9007199254740993","meta":{"n":12345678901234567890},"tags":"{a,\\"b,c\\",NULL,\\"NULL\\"}"}`,
  );
});

t.test('one record takes one request, with the casts that keep it exact', async (t) => {
  const { store, received } = await answering(t, () => ({ body: JSON.stringify([row]) }));
  await store.table(SPEC).get([ID]);
  t.equal(received.length, 1);
  const [request] = received;
  t.equal(request?.url.pathname, '/rest/v1/clients');
  t.same(Object.fromEntries(request?.url.searchParams ?? []), {
    select: 'id,name,big::text,meta::text,tags::text',
    id: `eq.${ID}`,
  });
  t.match(request?.headers, { apikey: KEY, authorization: `Bearer ${KEY}` });
});

t.test('an upsert has one list of columns and gives every row all of them', async (t) => {
  const { store, received } = await answering(t, () => ({ status: 201, body: '' }));
  await store.table(SPEC).upsertMany([
    { id: ID, name: 'x', big: null, meta: null, tags: [] },
    { id: ID.replace('1', '2'), name: null },
  ]);
  const [request] = received;
  t.equal(request?.url.searchParams.get('columns'), '"id","name","big","meta","tags"');
  t.equal(request?.url.searchParams.get('on_conflict'), 'id');
  t.match(request?.headers.prefer, /resolution=merge-duplicates/);
  const bodies = JSON.parse(request?.body ?? '[]') as object[];
  t.ok(bodies.every((body) => Object.keys(body).length === SPEC.columns.length));
});

t.test('many keys are asked for in URLs that servers take', async (t) => {
  const { store, received } = await answering(t, () => ({ body: '[]' }));
  await store.table(SPEC).get(Array.from({ length: 500 }, (_, index) => ID.replace(/1$/, String(index))));
  t.equal(received.length, 4);
  t.ok(received.every(({ url }) => url.href.length < 8_000));
});

t.test('a list shorter than one that was seen is not asked for again', async (t) => {
  const rows = Array.from({ length: 30 }, (_, index) => ({ ...row, id: ID.replace(/1$/, String(index)) }));
  const { store, received } = await answering(t, ({ url }) => {
    // A server that cuts every answer at 20 rows.
    const asked = url.searchParams;
    const from = Number(asked.get('offset') ?? 0);
    const after = /id\.gt\."([^"]+)"/.exec(asked.get('and') ?? '')?.[1];
    const start = after ? rows.findIndex(({ id }) => id === after) + 1 : from;
    return { body: JSON.stringify(rows.slice(start, start + Math.min(20, Number(asked.get('limit'))))) };
  });
  const clients = store.table(SPEC);
  const sort = [{ field: 'id', descending: false }];
  const list = (limit: number, offset: number) =>
    clients.list({ where: null, sort, limit, offset, total: false });
  t.equal((await list(100, 0)).rows.length, 30, 'the cut is found out and read beyond');
  const before = received.length;
  t.equal((await list(100, 25)).rows.length, 5);
  t.equal(received.length, before + 1);
});

t.test('a table is described by the OpenAPI document where there is one', async (t) => {
  const definitions = {
    clients: {
      required: ['id', 'name'],
      properties: {
        id: {
          format: 'uuid',
          default: 'gen_random_uuid()',
          description: 'Note:\nThis is a Primary Key.<pk/>',
        },
        name: { format: 'text' },
        tags: { format: 'text[]' },
      },
    },
  };
  const { store, received } = await answering(t, () => ({
    body: JSON.stringify({ swagger: '2.0', definitions }),
  }));
  t.same(await store.table(SPEC).describe(), {
    columns: [
      { name: 'id', nativeType: 'uuid', nullable: false, hasDefault: true },
      { name: 'name', nativeType: 'text', nullable: false, hasDefault: false },
      { name: 'tags', nativeType: 'text[]', nullable: true, hasDefault: false },
    ],
    keyIsUnique: true,
  });
  t.equal(received.length, 1);
  t.equal(await store.table({ ...SPEC, name: 'other' }).describe(), null);
});

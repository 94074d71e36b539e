import t from 'tap';
import type { ColumnSpec, KeyType, ValueType } from '../../../src/domain/model.ts';
import type { TableSpec } from '../../../src/stores/contract.ts';
import { createDatabase } from '../../harness/postgres.ts';
import { openPlace } from './place.ts';

function column(name: string, type: ValueType = 'text', more: Partial<ColumnSpec> = {}): ColumnSpec {
  return { name, type, list: false, nullable: true, ...more };
}

function spec(name: string, keyType: KeyType, ...columns: ColumnSpec[]): TableSpec {
  return {
    name,
    keys: [{ name: 'id', type: keyType }],
    key: 'id',
    keyType,
    columns: [column('id', keyType, { nullable: false }), ...columns],
  };
}

t.test('a row that is already as given is not written again by an upsert', async (t) => {
  const { store, outside } = openPlace(t, (await createDatabase(t)).url);
  await outside.query('CREATE TABLE things (id int PRIMARY KEY, name varchar(5), doc json, tags text[])');
  const table = store.table(
    spec('things', 'int', column('name'), column('doc', 'json'), column('tags', 'text', { list: true })),
  );
  const versions = async () => (await outside.query('SELECT id, xmin::text FROM things ORDER BY id')).rows;
  const rows = [
    { id: 1, name: 'a', doc: { x: 1 }, tags: ['q'] },
    { id: 2, name: null, doc: null, tags: null },
  ];
  await table.upsertMany(rows);
  const before = await versions();
  await table.upsertMany(rows);
  t.same(await versions(), before);
  await table.upsertMany([{ id: 1, name: 'a', doc: { x: 2 }, tags: ['q'] }]);
  t.not((await versions())[0]?.xmin, before[0]?.xmin, 'a changed one is');
});

t.test(
  'a long table is not counted for an estimate, with and without a condition; a short one is',
  async (t) => {
    const { store, outside } = openPlace(t, (await createDatabase(t)).url);
    await outside.query('CREATE TABLE things (id int PRIMARY KEY, name text)');
    const table = store.table(spec('things', 'int', column('name')));
    const fill = (from: number, to: number) =>
      outside.query(
        `INSERT INTO things SELECT n, CASE WHEN n % 4 = 0 THEN 'a' ELSE 'b' END FROM generate_series(${from}, ${to}) n; ANALYZE things`,
      );
    const where = { field: 'name', op: 'eq', value: 'a' } as const;
    await fill(1, 1_000);
    t.same(await table.estimate?.(null), { count: 1_000, exact: true });
    t.same(await table.estimate?.(where), { count: 250, exact: true });
    await fill(1_001, 80_000);
    for (const [asked, about] of [
      [null, 80_000],
      [where, 20_000],
    ] as const) {
      const { count = 0, exact } = (await table.estimate?.(asked)) ?? {};
      t.ok(exact === false && count > about * 0.9 && count < about * 1.1, `${count} of ${about}`);
    }
  },
);

t.test(
  'an upsert refuses a text that is too long instead of cutting it, and then writes no row at all',
  async (t) => {
    const { store, outside } = openPlace(t, (await createDatabase(t)).url);
    await outside.query('CREATE TABLE things (id int PRIMARY KEY, name varchar(5))');
    const table = store.table(spec('things', 'int', column('name')));
    await t.rejects(
      table.upsertMany([
        { id: 1, name: 'short' },
        { id: 2, name: 'too long' },
      ]),
      { code: 'constraint-violated', outcome: 'not-applied' },
    );
    t.equal(await table.count(), 0);
  },
);

t.test('of two rows with one key in a batch the later one counts', async (t) => {
  const { store, outside } = openPlace(t, (await createDatabase(t)).url);
  await outside.query('CREATE TABLE things (id int PRIMARY KEY, name text)');
  const table = store.table(spec('things', 'int', column('name')));
  await table.upsertMany([
    { id: 1, name: 'first' },
    { id: 1, name: 'second' },
  ]);
  t.equal((await table.get(['1'])).get('1')?.name, 'second');
});

t.test(
  'a batch takes a key that the database would rather draw itself, and skips what it computes',
  async (t) => {
    const { store, outside } = openPlace(t, (await createDatabase(t)).url);
    await outside.query(
      'CREATE TABLE things (id int PRIMARY KEY GENERATED ALWAYS AS IDENTITY, n int, twice int GENERATED ALWAYS AS (n * 2) STORED)',
    );
    const table = store.table(spec('things', 'int', column('n', 'int'), column('twice', 'int')));
    await table.upsertMany([{ id: 7, n: 4, twice: 99 }]);
    t.same((await table.get(['7'])).get('7'), { id: 7, n: 4, twice: 8 });
    t.same(await table.update('7', { id: 7, n: 5 }), { id: 7, n: 5, twice: 10 });
  },
);

t.test('after a column changed its type, bulk writes find the new one by themselves', async (t) => {
  const { store, outside } = openPlace(t, (await createDatabase(t)).url);
  await outside.query('CREATE TABLE things (id int PRIMARY KEY, n int)');
  const table = store.table(spec('things', 'int', column('n', 'decimal')));
  await table.upsertMany([{ id: 1, n: 1 }]);
  await outside.query('ALTER TABLE things ALTER n TYPE uuid USING NULL');
  await t.rejects(table.upsertMany([{ id: 1, n: 5 }]), { code: 'store-answer' });
  await t.rejects(
    table.upsertMany([{ id: 1, n: 5 }]),
    { code: 'constraint-violated' },
    'now it is the value that does not fit',
  );
});

t.test(
  'text keys are scanned in the order of their bytes, whatever the language of the database',
  async (t) => {
    const { store, outside } = openPlace(t, (await createDatabase(t)).url);
    await outside.query(
      "CREATE COLLATION words (provider = icu, locale = 'und'); CREATE TABLE words (id text COLLATE words PRIMARY KEY)",
    );
    const table = store.table(spec('words', 'text'));
    const keys = ['a', 'B', 'é', 'Z', '_', 'b', '😀', '￿'];
    await table.upsertMany(keys.map((id) => ({ id })));
    const ordered = keys.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    const seen: string[] = [];
    for (
      let page = await table.scanKeys(null, 3);
      page.length;
      page = await table.scanKeys(page.at(-1) as string, 3)
    )
      seen.push(...page);
    t.same(seen, ordered);
    t.equal(await table.highestKey(), ordered.at(-1));
  },
);

t.test('a sequence is moved past the highest key, and never back', async (t) => {
  const { store, outside } = openPlace(t, (await createDatabase(t)).url);
  await outside.query(`
    CREATE TABLE owned (id serial PRIMARY KEY);
    CREATE SEQUENCE loose_numbers;
    CREATE TABLE loose (id bigint PRIMARY KEY DEFAULT nextval('loose_numbers'));
    CREATE TABLE none (id int PRIMARY KEY)`);
  for (const name of ['owned', 'loose']) {
    const table = store.table(spec(name, 'int'));
    await table.advanceSequence();
    t.equal((await table.insert({})).id, 1, `${name}: an empty table leaves its sequence`);
    await table.upsertMany([{ id: 40 }]);
    await table.advanceSequence();
    t.equal((await table.insert({})).id, 41, `${name}: past the highest`);
    await table.removeMany(['40', '41']);
    await table.advanceSequence();
    t.equal((await table.insert({})).id, 42, `${name}: not back`);
  }
  await store.table(spec('none', 'int')).advanceSequence();
});

t.test('describe tells the real columns, and whether the key alone is unique', async (t) => {
  const { store, outside } = openPlace(t, (await createDatabase(t)).url);
  await outside.query(`
    CREATE TABLE real (id int, name varchar(5) NOT NULL DEFAULT 'x', at timestamptz(3), tags text[]);
    CREATE TABLE pair (id int, other int, PRIMARY KEY (id, other))`);
  const real = await store.table(spec('real', 'int')).describe();
  t.same(real?.columns, [
    { name: 'id', nativeType: 'integer', nullable: true, hasDefault: false },
    { name: 'name', nativeType: 'character varying(5)', nullable: false, hasDefault: true },
    { name: 'at', nativeType: 'timestamp(3) with time zone', nullable: true, hasDefault: false },
    { name: 'tags', nativeType: 'text[]', nullable: true, hasDefault: false },
  ]);
  t.equal(real?.keyIsUnique, false);
  t.equal(
    (await store.table(spec('pair', 'int')).describe())?.keyIsUnique,
    false,
    'a part of a composite key is not',
  );
  await outside.query('CREATE UNIQUE INDEX ON real (id)');
  t.equal((await store.table(spec('real', 'int')).describe())?.keyIsUnique, true);
  t.equal(await store.table(spec('missing', 'int')).describe(), null);
});

t.test('a page beyond the last one is empty and still has the total', async (t) => {
  const { store, outside } = openPlace(t, (await createDatabase(t)).url);
  await outside.query(
    'CREATE TABLE things (id int PRIMARY KEY); INSERT INTO things SELECT generate_series(1, 7)',
  );
  const table = store.table(spec('things', 'int'));
  const sort = [{ field: 'id', descending: true }];
  t.same(await table.list({ where: null, sort, limit: 2, offset: 6, total: true }), {
    rows: [{ id: 1 }],
    total: 7,
  });
  t.same(await table.list({ where: null, sort, limit: 2, offset: 20, total: true }), { rows: [], total: 7 });
  t.same(await table.list({ where: { or: [] }, sort, limit: 2, offset: 0, total: true }), {
    rows: [],
    total: 0,
  });
});

t.test('a row and whatever else is written in one transaction stand or fall together', async (t) => {
  const { store, outside } = openPlace(t, (await createDatabase(t)).url);
  await outside.query('CREATE TABLE things (id int PRIMARY KEY); CREATE TABLE marks (id int PRIMARY KEY)');
  const table = store.table(spec('things', 'int'));
  const both = (id: number, last: () => void) =>
    store.database.transaction(async (sql) => {
      await table.within(sql).insert({ id });
      await sql.query('INSERT INTO marks VALUES ($1)', [String(id)]);
      last();
    });
  await t.rejects(
    both(1, () => {
      throw new Error('mine');
    }),
    { message: 'mine' },
  );
  t.equal(await table.count(), 0);
  await both(2, () => undefined);
  await t.rejects(
    both(2, () => undefined),
    { code: 'duplicate', details: { field: 'id' }, outcome: 'not-applied' },
  );
  t.same((await outside.query('SELECT id FROM marks')).rows, [{ id: 2 }]);
});

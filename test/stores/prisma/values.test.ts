import t from 'tap';
import type { ColumnSpec, ValueType } from '../../../src/domain/model.ts';
import { exactNumber, parseJson, type Value } from '../../../src/domain/values.ts';
import type { TableSpec } from '../../../src/stores/contract.ts';
import { failsWith } from '../../contracts/failing.ts';
import { createDatabase } from '../../harness/postgres.ts';
import { openPlace } from './place.ts';

const AWKWARD = [
  'a,b',
  'say "hi"',
  'back\\slash',
  '{curly}',
  '',
  'NULL',
  ' space ',
  'é😀',
  'two\nlines',
  "it's",
];

/** Native type of the column, its type in the model, and values that must come back as they went. */
const CASES: [native: string, type: ValueType, ...values: Value[]][] = [
  ['text', 'text', '', 'NULL', 'O\'Hara \\ "x"', 'é😀\t\n', 'x'.repeat(20_000)],
  ['uuid', 'uuid', '00000000-0000-4000-8000-0000000000ff'],
  ['smallint', 'int', -32768],
  ['integer', 'int', 0, -2147483648],
  ['bigint', 'bigint', exactNumber('9223372036854775807'), exactNumber('-9223372036854775808'), 5],
  ['numeric(40,20)', 'decimal', exactNumber('12345678901234567890.12345678901234567891'), 1.1, 0],
  [
    'numeric',
    'decimal',
    exactNumber(`1${'0'.repeat(60)}.5`),
    exactNumber('-0.00000000000000000000000000001'),
    'NaN',
  ],
  ['double precision', 'float', 0.1, 5e-324, 1.7976931348623157e308, 'NaN', '-Infinity'],
  ['real', 'float', 0.1],
  ['boolean', 'boolean', true, false],
  [
    'timestamptz(6)',
    'timestamp',
    '2026-01-02T03:04:05.123456Z',
    '2026-01-02T03:04:05.120Z',
    'infinity',
    '-infinity',
  ],
  ['timestamp(6)', 'timestamp', '1999-12-31T23:59:59.999999Z', '0001-01-01T00:00:00.000Z'],
  ['date', 'date', '2024-02-29', 'infinity', '0044-03-15 BC'],
  ['time(6)', 'time', '23:59:59.999999', '00:00:00'],
  ['bytea', 'bytes', '', Buffer.from([0, 255, 92, 39, 10]).toString('base64')],
  [
    'jsonb',
    'json',
    parseJson('{"n":12345678901234567890.123456789,"a":[1,null,{"b":"\\u00e9\\""}],"e":{}}'),
    'text',
    7,
    false,
    [],
  ],
  ['json', 'json', { z: 1, a: [true] }],
  ['colour', 'enum', 'light "blue"', 'red'],
];

const LISTS: [native: string, type: ValueType, ...values: Value[][]][] = [
  [
    'text[]',
    'text',
    [],
    AWKWARD,
    [null, 'x', null],
    [
      ['a', 'b,c'],
      ['d', null],
    ],
  ],
  ['varchar(20)[]', 'text', AWKWARD],
  ['bigint[]', 'bigint', [exactNumber('9223372036854775807'), 1, null]],
  ['numeric[]', 'decimal', [exactNumber('12345678901234567890.5'), 0.1]],
  ['timestamptz[]', 'timestamp', ['2026-01-02T03:04:05.123456Z', 'infinity']],
  ['jsonb[]', 'json', [{ a: 'x,"y"' }, [1, 2], 'text']],
  ['uuid[]', 'uuid', ['00000000-0000-4000-8000-0000000000ff']],
  ['boolean[]', 'boolean', [true, false, null]],
  ['bytea[]', 'bytes', ['AP8=', '']],
  ['colour[]', 'enum', ['red', 'light "blue"']],
];

const cases = [
  ...CASES.map(([native, type, ...values]) => ({ native, type, values: [...values, null], list: false })),
  ...LISTS.map(([native, type, ...values]) => ({ native, type, values: [...values, null], list: true })),
];
const columns: ColumnSpec[] = cases.map(({ type, list }, index) => ({
  name: `c${index}`,
  type,
  list,
  nullable: true,
}));
const spec: TableSpec = {
  name: 'every type',
  key: 'id',
  keyType: 'int',
  keys: [{ name: 'id', type: 'int' }],
  columns: [{ name: 'id', type: 'int', list: false, nullable: false }, ...columns],
};

t.test('every value of every type comes back exactly, whichever way it was written', async (t) => {
  const { store, outside } = openPlace(t, (await createDatabase(t)).url);
  await outside.query(`CREATE TYPE colour AS ENUM ('red', 'light "blue"')`);
  const definitions = cases.map(({ native }, index) => `c${index} ${native}`);
  await outside.query(`CREATE TABLE "every type" (id serial PRIMARY KEY, ${definitions.join(', ')})`);
  const table = store.table(spec);

  const most = Math.max(...cases.map(({ values }) => values.length));
  for (let at = 0; at < most; at++) {
    const row = Object.fromEntries(
      cases.map(({ values }, index) => [`c${index}`, values[at % values.length] as Value]),
    );
    const title = `row ${at}`;
    const inserted = await table.insert(row);
    t.strictSame(inserted, { ...row, id: inserted.id }, `${title}: answer of the insert`);
    const key = String(inserted.id as number);
    t.strictSame((await table.get([key])).get(key), inserted, `${title}: read back`);

    const upserted = { ...row, id: 1_000 + at };
    await table.upsertMany([upserted]);
    t.strictSame((await table.scan(String(1_000 + at - 1), 1))[0], upserted, `${title}: written in bulk`);

    const blank = await table.insert({});
    t.strictSame(
      await table.update(String(blank.id as number), row),
      { ...row, id: blank.id },
      `${title}: answer of the update`,
    );
  }
});

t.test('a JSON null is kept where the column refuses NULL', async (t) => {
  const { store, outside } = openPlace(t, (await createDatabase(t)).url);
  await outside.query('CREATE TABLE papers (id int PRIMARY KEY, body jsonb NOT NULL)');
  const table = store.table({
    name: 'papers',
    key: 'id',
    keyType: 'int',
    keys: [{ name: 'id', type: 'int' }],
    columns: [
      { name: 'id', type: 'int', list: false, nullable: false },
      { name: 'body', type: 'json', list: false, nullable: false },
    ],
  });
  t.strictSame(await table.insert({ id: 1, body: null }), { id: 1, body: null });
  t.equal(
    (await outside.query<{ text: string }>('SELECT body::text AS text FROM papers')).rows[0]?.text,
    'null',
  );
});

t.test('a copy that a column would round is refused by its name, until the column keeps more', async (t) => {
  const { store, outside } = openPlace(t, (await createDatabase(t)).url);
  await outside.query(
    'CREATE TABLE prices (id int PRIMARY KEY, price numeric(10,2), prices numeric(10,2)[], at timestamptz(3))',
  );
  const column = (name: string, type: ValueType, list = false) => ({ name, type, list, nullable: true });
  const table = store.table({
    name: 'prices',
    key: 'id',
    keyType: 'int',
    keys: [{ name: 'id', type: 'int' }],
    columns: [
      { name: 'id', type: 'int', list: false, nullable: false },
      column('price', 'decimal'),
      column('prices', 'decimal', true),
      column('at', 'timestamp'),
    ],
  });
  const fits = { id: 1, price: 19.99, prices: [1.5, null, 'NaN'], at: '2026-01-02T03:04:05.678Z' };
  await table.upsertMany([fits, { id: 2, price: null, prices: null, at: 'infinity' }]);
  t.strictSame((await table.get(['1'])).get('1'), fits);
  for (const [name, value, said] of [
    ['price', 1.005, /"price" keeps 2 digits after the point, which would round 1.005/],
    ['prices', [1, exactNumber('1.0000000000000000001')], /"prices" keeps 2 digits/],
    ['price', exactNumber('1e-500'), /would round 1e-500/],
    ['at', '2026-01-02T03:04:05.678901Z', /"at" keeps 3 digits/],
  ] as const) {
    const error = await failsWith(
      t,
      'constraint-violated',
      table.upsertMany([{ ...fits, [name]: value as Value }]),
    );
    t.match(error, { message: said, details: { field: name } });
  }
  t.strictSame((await table.get(['1'])).get('1'), fits);
  await outside.query('ALTER TABLE prices ALTER price TYPE numeric(12,3)');
  await table.upsertMany([{ ...fits, price: 1.005 }]);
  t.match((await table.get(['1'])).get('1'), { price: 1.005 });
});

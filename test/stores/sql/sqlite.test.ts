import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import t from 'tap';
import { misfitsOf } from '../../../src/domain/misfits.ts';
import { exactNumber } from '../../../src/domain/values.ts';
import { failsWith } from '../../contracts/failing.ts';
import { until } from '../../harness/wait.ts';
import { settingsOf, specOf, sqliteFile, warm } from './place.ts';
import type { Table } from '../../../src/stores/contract.ts';
import { sqliteFailure } from '../../../src/stores/sql/sqlite/errors.ts';
import { SqlStore } from '../../../src/stores/sql/store.ts';

/** One file and one thread for the cases that are about values and tables. */
const { other, open: openShared } = await sqliteFile(t, '');
const alone = { max: 1, wait: 10_000 };
const shared = openShared({ pool: alone });

await t.test(
  'a decimal that a NUMERIC column would round is refused by name; others come back',
  async (t) => {
    other.exec('CREATE TABLE prices (id INTEGER PRIMARY KEY, price DECIMAL(12,2), weight REAL)');
    const prices = shared.table(specOf('prices', 'int', { price: 'decimal', weight: 'decimal' }));
    for (const [id, text] of [
      '19.90',
      '0.1',
      '-3',
      '9007199254740993',
      '123456789012.34',
      '0.30000000000000004',
    ].entries()) {
      const value = exactNumber(text);
      t.same((await prices.insert({ id, price: value })).price, value, text);
    }
    t.equal(
      await prices.count({ field: 'price', op: 'eq', value: exactNumber('19.9') }),
      1,
      'compared by value',
    );
    const long = exactNumber('12345678901234567.89');
    for (const write of [
      () => prices.insert({ id: 50, price: long }),
      () => prices.upsertMany([{ id: 0, price: long, weight: null }]),
    ]) {
      const error = await failsWith(t, 'constraint-violated', write());
      t.match(error.details, { field: 'price' });
      t.match(error.message, /would round to 12345678901234568; a TEXT column keeps it/);
    }
    await failsWith(
      t,
      'constraint-violated',
      prices.insert({ id: 51, weight: exactNumber('9007199254740993') }),
    );
    t.equal(other.prepare('SELECT count(*) AS n FROM prices WHERE id >= 50').pluck().get(), 0);
  },
);

await t.test('decimals that are kept as text are compared and sorted by value', async (t) => {
  other.exec('CREATE TABLE sums (id INTEGER PRIMARY KEY, sum TEXT)');
  const sums = shared.table(specOf('sums', 'int', { sum: 'decimal' }));
  const texts = [
    '10',
    '9.75',
    '-3',
    '-30',
    '-0.5',
    '0',
    '88888888888888888888.5',
    '0.05',
    '88888888888888888888.49',
    '1e300',
  ];
  await sums.upsertMany(texts.map((text, id) => ({ id, sum: exactNumber(text) })));
  const sort = [{ field: 'sum', descending: false }];
  const { rows } = await sums.list({ where: null, sort, limit: 20, offset: 0, total: false });
  t.same(
    rows.map(({ id }) => texts[id as number]),
    [
      '-30',
      '-3',
      '-0.5',
      '0',
      '0.05',
      '9.75',
      '10',
      '88888888888888888888.49',
      '88888888888888888888.5',
      '1e300',
    ],
  );
  t.equal(await sums.count({ field: 'sum', op: 'gt', value: exactNumber('88888888888888888888.49') }), 2);
});

await t.test('timestamps are read in every form and written in the declared one', async (t) => {
  other.exec(`CREATE TABLE calls (id INTEGER PRIMARY KEY, at DATETIME DEFAULT CURRENT_TIMESTAMP, epoch INTEGER);
     INSERT INTO calls VALUES (1, '2026-01-02 03:04:05', 1767323045), (2, '2026-01-02T03:04:05.5Z', NULL)`);
  const spec = specOf('calls', 'int', { at: 'timestamp', epoch: 'timestamp' });
  const calls = openShared({ timestamps: { text: 'space', integer: 'seconds' }, pool: alone }).table(spec);
  t.match((await calls.get(['1'])).get('1'), {
    at: '2026-01-02T03:04:05.000Z',
    epoch: '2026-01-02T03:04:05.000Z',
  });
  await calls.insert({ id: 3, at: '2026-01-02T03:04:05.250Z', epoch: '2026-01-02T03:04:06.000Z' });
  t.same(other.prepare('SELECT at, epoch FROM calls WHERE id = 3').get(), {
    at: '2026-01-02 03:04:05.250',
    epoch: 1767323046,
  });
  const sort = [{ field: 'at', descending: false }];
  const { rows } = await calls.list({ where: null, sort, limit: 9, offset: 0, total: false });
  t.same(
    rows.map(({ id }) => id),
    [1, 3, 2],
    'mixed forms are sorted by moment',
  );
  const error = await failsWith(
    t,
    'constraint-violated',
    calls.insert({ id: 4, epoch: '2026-01-02T03:04:05.678Z' }),
  );
  t.match(error.details, { field: 'epoch' });
});

await t.test('statistics go by value and by UTC day, exact, however the file keeps them', async (t) => {
  other.exec(`CREATE TABLE takings (id INTEGER PRIMARY KEY, amount TEXT, big INTEGER, price REAL, at DATETIME, epoch INTEGER, stage TEXT COLLATE NOCASE);
     INSERT INTO takings VALUES
       (1, '9.90', 9223372036854775807, 0.1, '2026-01-02 23:59:59', 1767398399000, 'won'),
       (2, '-30', 9223372036854775807, 0.2, '2026-01-02T00:00:00.000Z', 1767312000000, 'Won'),
       (3, '-3', -5, 0.7, '2026-01-03T00:30:00+01:00', 1767396600000, 'won'),
       (4, '88888888888888888888.5', NULL, NULL, '2026-01-03 00:00:00.000001', 1767398400000, NULL),
       (5, '9.9', 1, NULL, NULL, NULL, NULL)`);
  const takings = shared.table(
    specOf('takings', 'int', {
      amount: 'decimal',
      big: 'bigint',
      price: 'decimal',
      at: 'timestamp',
      epoch: 'timestamp',
      stage: 'text',
    }),
  );
  const measured = async (field: string, sum = true) =>
    (await takings.statistics?.({ where: null, groupBy: [], measures: [{ field, sum, range: true }] }))?.[0]
      ?.measures[0];
  const grouped = async (field: string, by: 'value' | 'day') => {
    const groups = await takings.statistics?.({ where: null, groupBy: [{ field, by }], measures: [] });
    return new Map(groups?.map(({ group, count }) => [group[0], count]));
  };
  t.same(
    await measured('amount'),
    {
      count: 5,
      sum: exactNumber('88888888888888888875.3'),
      min: -30,
      max: exactNumber('88888888888888888888.5'),
    },
    'decimals in text by their values: by their texts, -3 is the least and 9.90 the greatest',
  );
  t.same(
    await measured('big'),
    { count: 4, sum: exactNumber('18446744073709551610'), min: -5, max: exactNumber('9223372036854775807') },
    'integers whose sum has more than 64 bits',
  );
  t.same(await measured('price'), { count: 3, sum: 1, min: 0.1, max: 0.7 }, 'decimals in doubles');
  t.match(await measured('at', false), {
    min: '2026-01-02T00:00:00.000Z',
    max: '2026-01-03T00:00:00.000001Z',
  });
  t.match(await measured('epoch', false), {
    min: '2026-01-02T00:00:00.000Z',
    max: '2026-01-03T00:00:00.000Z',
  });
  const days = new Map([
    ['2026-01-02', 3],
    ['2026-01-03', 1],
    [null, 1],
  ]);
  t.same(await grouped('at', 'day'), days, 'texts of two forms, and one with a zone');
  t.same(await grouped('epoch', 'day'), days, 'counts from 1970');
  t.same(
    await grouped('stage', 'value'),
    new Map([
      ['won', 2],
      ['Won', 1],
      [null, 2],
    ]),
    'in spite of NOCASE',
  );
  t.equal((await grouped('amount', 'value')).get(9.9), 2, '9.9 and 9.90 are one value');
  const twice = {
    where: null,
    groupBy: [{ field: 'amount', by: 'value' }],
    measures: [{ field: 'big', sum: true, range: true }],
  } as const;
  t.same(
    (await takings.statistics?.(twice))?.find(({ group }) => group[0] === 9.9)?.measures,
    [{ count: 2, sum: exactNumber('9223372036854775808'), min: 1, max: exactNumber('9223372036854775807') }],
    'and so are their measures',
  );
  other.exec("UPDATE takings SET amount = 'n/a' WHERE id = 5");
  t.match((await failsWith(t, 'store-answer', measured('amount'))).message, /cannot count: .*holds "n\/a"/);
});

await t.test(
  'a value that is not of its column is shown as it is, and told, so that it is not copied as something else',
  async (t) => {
    other.exec(`CREATE TABLE odd (id INTEGER PRIMARY KEY, flag BOOLEAN, age INTEGER, meta TEXT, tags TEXT, at TEXT, name, file BLOB);
     INSERT INTO odd VALUES (1, 'yes', 'old', '{broken', 'a,b', 'yesterday', x'00ff', 'abcd'), (2, 2, 1.5, '{}', '[]', 7, 5, x'00'),
       (3, 1, 7, '"x"', '["a"]', '2026-01-02 03:04:05', 'n', x'')`);
    const spec = specOf('odd', 'int', {
      flag: 'boolean',
      age: 'int',
      meta: 'json',
      tags: 'text[]',
      at: 'timestamp',
      name: 'text',
      file: 'bytes',
    });
    const rows = await shared.table(spec).scan(null, 9);
    t.match(rows, [
      { id: 1, flag: 'yes', age: 'old', meta: '{broken', tags: 'a,b', at: 'yesterday', name: 'AP8=' },
      { id: 2, flag: 2, age: 1.5, meta: {}, tags: [], at: '7', name: 5, file: 'AA==' },
      { id: 3, flag: true, age: 7, meta: 'x', tags: ['a'], at: '2026-01-02T03:04:05.000Z', file: '' },
    ]);
    t.same(
      rows.map((row) => misfitsOf(row).map(({ column, found }) => `${column}: ${found}`)),
      [
        ['flag: text', 'age: text', 'meta: text', 'tags: text', 'at: text', 'name: blob', 'file: text'],
        ['flag: integer', 'age: real', 'at: text', 'name: integer'],
        [],
      ],
    );
  },
);

await t.test('a view can be read and not written, and describe says so', async (t) => {
  other.exec(`CREATE TABLE deals (id INTEGER PRIMARY KEY, stage TEXT); INSERT INTO deals VALUES (1, 'won'), (2, 'won'), (3, 'lost');
     CREATE VIEW stages AS SELECT stage AS id, count(*) AS deals FROM deals GROUP BY stage`);
  const stages = shared.table(specOf('stages', 'text', { deals: 'int' }));
  t.match(await stages.describe(), { readOnly: true, keyIsUnique: null });
  t.same(await stages.scan(null, 9), [
    { id: 'lost', deals: 1 },
    { id: 'won', deals: 2 },
  ]);
  const writes = [
    () => stages.insert({ id: 'x' }),
    () => stages.update('won', { deals: 1 }),
    () => stages.remove('won'),
    () => stages.upsertMany([{ id: 'x', deals: 1 }]),
    () => stages.removeMany(['won']),
  ];
  for (const write of writes) {
    const error = await failsWith(t, 'read-only', write());
    t.match([error.entry.status, error.outcome], [405, 'not-applied']);
  }
});

await t.test('a column that the table computes is read and not written', async (t) => {
  other.exec(
    'CREATE TABLE boxes (id INTEGER PRIMARY KEY, a INTEGER, b INTEGER, area INTEGER GENERATED ALWAYS AS (a * b) STORED)',
  );
  const boxes = shared.table(specOf('boxes', 'int', { a: 'int', b: 'int', area: 'int' }));
  await boxes.upsertMany([{ id: 1, a: 2, b: 3, area: null }]);
  t.equal((await boxes.get(['1'])).get('1')?.area, 6);
  t.ok((await boxes.describe())?.columns.find(({ name }) => name === 'area')?.hasDefault);
});

await t.test('what a STRICT table or a CHECK refuses is named', async (t) => {
  other.exec(
    "CREATE TABLE strict_ones (id INTEGER PRIMARY KEY, kind ANY CONSTRAINT known CHECK (kind IN ('a')), n INT) STRICT",
  );
  const table = shared.table(specOf('strict_ones', 'int', { kind: 'text', n: 'text' }));
  t.match((await failsWith(t, 'constraint-violated', table.insert({ id: 1, kind: 'b' }))).details, {
    constraint: 'known',
  });
  t.match((await failsWith(t, 'constraint-violated', table.insert({ id: 1, n: 'x' }))).details, {
    field: 'n',
  });
});

await t.test(
  'while another program holds the file, reads go on and a write gives up without a change',
  async (t) => {
    const { other, open } = await sqliteFile(
      t,
      'CREATE TABLE notes (id INTEGER PRIMARY KEY, body TEXT); INSERT INTO notes VALUES (1, null)',
    );
    const notes = open({ timeout: 300 }).table(specOf('notes', 'int', { body: 'text' }));
    await warm(notes);
    other.exec('BEGIN IMMEDIATE; UPDATE notes SET body = 1');
    const error = await failsWith(t, ['write-conflict', 'store-timeout'], notes.update('1', { body: 'x' }));
    t.equal(error.outcome, 'not-applied');
    t.equal((await notes.get(['1'])).get('1')?.body, null, 'read as it was before');
    other.exec('ROLLBACK');
    t.equal((await notes.update('1', { body: 'x' }))?.body, 'x');
  },
);

await t.test(
  'a statement that takes too long ends for its caller, and holds up neither the process nor others',
  async (t) => {
    const { open } = await sqliteFile(
      t,
      `CREATE TABLE notes (id INTEGER PRIMARY KEY, body TEXT); INSERT INTO notes VALUES (1, 'x');
     CREATE VIEW slow AS WITH RECURSIVE n(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n WHERE id < 60000000) SELECT max(id) AS id, 'x' AS body FROM n`,
    );
    const store = open({ timeout: 500 });
    const [notes, slow] = ['notes', 'slow'].map((name) => store.table(specOf(name, 'int', { body: 'text' })));
    await warm(notes as Table);
    await slow?.describe();
    let ticks = 0;
    const timer = setInterval(() => (ticks += 1), 5);
    const late = failsWith(t, 'store-timeout', slow?.count() as Promise<number>);
    t.equal(await notes?.count(), 1, 'another read is answered meanwhile');
    t.equal((await notes?.update('1', { body: 'y' }))?.body, 'y', 'and a write');
    await late;
    clearInterval(timer);
    t.ok(ticks > 3, 'the process went on');
    await until(async () => (await notes?.count()) === 1, { what: 'reads are answered again' });
  },
);

await t.test(
  'writes beyond the one thread wait their turn, and are not begun when their time is over',
  async (t) => {
    const { other, open } = await sqliteFile(t, 'CREATE TABLE notes (id INTEGER PRIMARY KEY, body TEXT)');
    const notes = open({ timeout: 400, pool: { max: 2, wait: 50 } }).table(
      specOf('notes', 'int', { body: 'text' }),
    );
    await warm(notes);
    other.exec('BEGIN IMMEDIATE');
    const first = failsWith(t, ['write-conflict', 'store-timeout'], notes.insert({ id: 1 }));
    const second = await failsWith(t, 'store-overloaded', notes.insert({ id: 2 }));
    t.equal(second.outcome, 'not-applied');
    await first;
    other.exec('COMMIT');
    t.equal(await notes.count(), 0);
  },
);

await t.test(
  'a file that is not there is not made, and one that is no database is said to be none',
  async (t) => {
    const { path } = await sqliteFile(t, 'CREATE TABLE notes (id INTEGER PRIMARY KEY)');
    const openFile = (file: string) => {
      const store = new SqlStore('crm', settingsOf(`sqlite:${file}`, { pool: alone }), () => undefined);
      t.teardown(() => store.close());
      return store;
    };
    await failsWith(t, 'store-unreachable', openFile(`${path}.none`).ping());
    await failsWith(t, 'store-unreachable', openFile('/no/such/folder/x.db').ping());
    t.notOk(existsSync(`${path}.none`));
    await writeFile(`${path}.txt`, 'hello '.repeat(500));
    const error = await failsWith(t, 'store-answer', openFile(`${path}.txt`).ping());
    t.match(error.message, /is no SQLite database/);
  },
);

await t.test('a disk that is full is said to be full', (t) => {
  const error = sqliteFailure('store "crm"', { code: 'SQLITE_FULL', message: 'disk is full' }, 'write');
  t.match(error, { code: 'store-full', outcome: 'not-applied' });
  t.end();
});

await t.test('foreign keys are enforced unless the store is told otherwise', async (t) => {
  const { open } = await sqliteFile(
    t,
    'CREATE TABLE a (id INTEGER PRIMARY KEY); CREATE TABLE b (id INTEGER PRIMARY KEY, a INTEGER REFERENCES a)',
  );
  const spec = specOf('b', 'int', { a: 'int' });
  await failsWith(t, 'reference-missing', open({ pool: alone }).table(spec).insert({ id: 1, a: 5 }));
  t.equal((await open({ foreignKeys: false, pool: alone }).table(spec).insert({ id: 1, a: 5 })).a, 5);
});

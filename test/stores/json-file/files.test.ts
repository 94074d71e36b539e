import { readdir, readFile, readlink, rename, writeFile } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import t from 'tap';
import { isBanyanError } from '../../../src/domain/errors.ts';
import { misfitsOf } from '../../../src/domain/misfits.ts';
import { failsWith } from '../../contracts/failing.ts';
import { openStore, startPlace, USERS } from './place.ts';

/** Laid out by nobody's tool: blanks, line ends of Windows, escapes, long numbers, members that no column names. */
const ODD = [
  '\uFEFF [\r\n',
  '\t{ "id" : 1,  "name":"\\u00c9lodie", "credit": 12.50, "extra": {"n": 1.0e2, "big": 12345678901234567890} }  ,\r\n',
  '\r\n',
  '\t{"id":2,"name":null,"address":{"street":"1, rue","city":"Lyon"}},\r\n',
  '  {\r\n    "id": 3,\r\n    "tags": ["a" , "b"],\r\n    "credit": 7.10\r\n  }\r\n',
  ']  \r\n',
];

t.test('what a write does not change stays in the file byte for byte', async (t) => {
  const { file, users } = await startPlace(t, ODD.join(''));
  await users.update('2', { name: 'Zoë' });
  t.equal(
    await readFile(file, 'utf8'),
    ODD.join('').replace(
      ODD[3] as string,
      '\t{"id":2,"name":"Zoë","address":{"street":"1, rue","city":"Lyon"}},\r\n',
    ),
  );
  await users.insert({ id: 4, name: 'four' });
  await users.remove('4');
  await users.update('2', { name: null });
  t.equal(
    await readFile(file, 'utf8'),
    ODD.join(''),
    'and all of it is as it was when the changes are undone',
  );
});

t.test(
  'members that no column names, and the text of numbers, survive a change of their record',
  async (t) => {
    const { file, users } = await startPlace(t, ODD.join(''));
    await users.upsertMany([{ id: 1, name: 'É', credit: 12.5, 'address.city': null }]);
    const text = await readFile(file, 'utf8');
    t.match(text, '"credit":12.50,"extra":{"n":1.0e2,"big":12345678901234567890}');
    t.notMatch(
      text.split('"id":2')[0] as string,
      'address',
      'what was missing stays missing where the other side has null',
    );
    await users.update('3', { 'address.city': 'Metz' });
    t.match(
      await readFile(file, 'utf8'),
      /"credit": 7\.10,\n {4}"address": \{\n {6}"city": "Metz"\n {4}\}\n {2}\}/,
    );
  },
);

t.test('what stands where a document is expected is told, and never written over', async (t) => {
  const { users, file } = await startPlace(t, '[{"id":1,"address":"flat 5"}]');
  const [row] = await users.scan(null, 1);
  t.match(misfitsOf(row ?? {}), [{ column: 'address.city', found: 'string on the way', expected: 'text' }]);
  await failsWith(t, 'constraint-violated', users.update('1', { 'address.city': 'Graz' }));
  const whole = { id: 1, name: null, credit: null, 'address.city': 'Graz' };
  await failsWith(t, 'constraint-violated', users.upsertMany([whole]));
  t.match(await users.update('1', { name: 'Ada' }), { name: 'Ada' }, 'beside it all can be written');
  t.match(JSON.parse(await readFile(file, 'utf8')), [{ id: 1, name: 'Ada', address: 'flat 5' }]);
});

t.test('integer keys have 64 bits, whatever the mapping has elsewhere', async (t) => {
  const { users } = await startPlace(t, '[{"id":1763740800000}]');
  const [row] = await users.scan(null, 1);
  t.same(misfitsOf(row ?? {}), []);
  await users.upsertMany([{ id: 1763740800000, name: 'a', credit: null, 'address.city': null }]);
  t.match(await users.insert({ name: 'b' }), { id: 1763740800001 });
});

t.test('the rest of a document is an object, and nothing else is taken for one', async (t) => {
  const { store } = await startPlace(t, '[]');
  const users = store.table({ ...USERS, rest: '*' });
  await failsWith(t, 'constraint-violated', users.insert({ name: 'a', '*': 5 }));
  t.match(await users.insert({ name: 'a', '*': { size: 4 } }), { '*': { size: 4 } });
});

t.test('missing and null are different: a row lacks the one and has the other', async (t) => {
  const { users } = await startPlace(t, ODD.join(''));
  const rows = await users.get(['1', '2', '3']);
  t.equal(rows.get('2')?.name, null);
  t.notOk('name' in (rows.get('3') ?? {}));
  t.equal(rows.get('2')?.['address.city'], 'Lyon');
  t.same(await users.keysWhere({ field: 'address.city', op: 'eq', value: 'Lyon' }, 5), ['2']);
});

/** A broken file, and where the break is. */
const BROKEN: [of: string, text: string, line: number, column: number, found: RegExp][] = [
  ['nothing', '', 1, 1, /the end of the file/],
  ['another value than a list', '{"users": []}', 1, 1, /"\{"/],
  ['a list that does not end', '[\n  {"id": 1},\n  {"id": 2}\n', 4, 1, /the end of the file/],
  ['a record that does not end', '[\n  {"id": 1}, {"id": 2\n', 3, 1, /the end of the file/],
  ['a comma too few', '[\n  {"id": 1}\n  {"id": 2}\n]', 3, 3, /"\{"/],
  ['a comma too many', '[\n  {"id": 1},\n]', 3, 1, /"\]"/],
  ['a record that is a number', '[{"id": 1},\n 5]', 2, 2, /"5"/],
  ['a member without a value', '[\n  {"id": 1},\n  {"é": "é", "name": , "id": 2}\n]', 3, 22, /", /],
  ['a key without quotes', '[\n  {"id": 1, name: "x"}\n]', 2, 13, /name/],
  ['something behind the list', '[{"id": 1}]\n\n x', 3, 2, /"x"/],
  ['a key twice', '[\n{"id": 7},\n{"id": 8}, {"id": 7}]', 3, 12, /"7" a second time/],
  ['a record without a key', '[\n{"id": 7},\n {"name": "x"}]', 3, 2, /without "id"/],
  ['a key of another form', '[\n{"id": "seven"}]', 2, 1, /"id" of another form/],
];

for (const [of, text, line, column, found] of BROKEN) {
  t.test(`a broken file is refused with the place of the break, and left as it is: ${of}`, async (t) => {
    const { file, users } = await startPlace(t, text, 3_000);
    for (const call of [
      () => users.count(),
      () => users.insert({ id: 100 }),
      () => users.removeMany(['1']),
    ]) {
      const error = await failsWith(t, 'file-broken', call());
      t.match(error.details, { line, column, found }, error.message);
      t.equal(error.outcome, 'not-applied');
    }
    t.equal(await readFile(file, 'utf8'), text);
  });
}

t.test('a byte that is not UTF-8 is a break: to read over it would lose it at the next write', async (t) => {
  const { file, users } = await startPlace(t, '[]');
  const bytes = Buffer.from('[\n  {"id": 1, "name": "caf\xe9"}\n]', 'latin1');
  await writeFile(file, bytes);
  t.match((await failsWith(t, 'file-broken', users.get(['1']))).details, { line: 2, found: /UTF-8/ });
  t.ok((await readFile(file)).equals(bytes));
});

t.test(
  'in one file with many tables, one is not there, and a broken one is found in its place',
  async (t) => {
    const { folder } = await startPlace(t, '[]');
    const path = `${folder}/all.json`;
    await writeFile(path, '{\n "note": [1,\n 2]}');
    const store = openStore(path, 3_000);
    t.teardown(() => store.close());
    t.match((await failsWith(t, 'file-broken', store.table(USERS).count())).details, { line: 2, column: 11 });
    await writeFile(path, '{"version": {"a": [1]}, "orders": [ ]}');
    t.match((await failsWith(t, 'store-answer', store.table(USERS).count())).message, /users.*orders/);
    await writeFile(path, '{"version": {"a": [1]}, "users": [ ], "orders": [ {"id": 1} ]}');
    await store.table(USERS).insert({ id: 5 });
    t.same(JSON.parse(await readFile(path, 'utf8')), {
      version: { a: [1] },
      users: [{ id: 5 }],
      orders: [{ id: 1 }],
    });
  },
);

t.test('changes by other programs are seen at once, and never overwritten', async (t) => {
  const { file, users } = await startPlace(t, '[{"id": 1, "name": "one"}]');
  t.equal(await users.count(), 1);
  await writeFile(file, '[{"id": 1, "name": "ONE"}, {"id": 2, "name": "two"}]');
  t.equal((await users.get(['1'])).get('1')?.name, 'ONE', 'a file that was written in place');
  await users.update('1', { credit: 1 });
  await writeFile(`${file}.new`, '[{"id": 1, "name": "uno"}, {"id": 3}]');
  await rename(`${file}.new`, file);
  t.same(await users.scanKeys(null, 9), ['1', '3'], 'a file that was put in its place');
  const writes = [users.update('1', { credit: 2 }), users.insert({ id: 4 })];
  await Promise.all(writes);
  t.same(JSON.parse(await readFile(file, 'utf8')), [{ id: 1, name: 'uno', credit: 2 }, { id: 3 }, { id: 4 }]);
});

t.test(
  'a program that writes in place is waited for: half a file is not taken for a broken one',
  async (t) => {
    const { file, users } = await startPlace(t, '[]');
    const whole = JSON.stringify(Array.from({ length: 50 }, (_, id) => ({ id, name: `user ${id}` })));
    await writeFile(file, whole.slice(0, 700));
    const counted = users.count();
    await pause(60);
    await writeFile(file, whole);
    t.equal(await counted, 50);
  },
);

t.test('a write that waits for the lock for too long is given up, and was not done', async (t) => {
  const { folder, file, users } = await startPlace(t, '[]', 300);
  const { WriteLock } = await import('../../../src/stores/json-file/lock.ts');
  const other = new WriteLock(file);
  t.teardown(() => other.close());
  await other.hold(
    () => Infinity,
    async () => {
      const error = await failsWith(t, 'store-timeout', users.insert({ id: 1 }));
      t.equal(error.outcome, 'not-applied');
      t.equal(await users.count(), 0, 'and readers do not wait');
    },
  );
  await users.insert({ id: 2 });
  t.same(await users.scanKeys(null, 5), ['2'], folder);
});

t.test('every failure names the file', async (t) => {
  const { users, file } = await startPlace(t, '[{"id": 1}');
  const error: unknown = await users.count().catch((thrown: unknown) => thrown);
  t.ok(isBanyanError(error, 'file-broken') && error.message.includes(file));
});

t.test(
  'reads beside the writes of two stores leave no file open but the one that is there',
  { skip: process.platform !== 'linux' && 'only Linux says which files a process has open' },
  async (t) => {
    const { folder, file, users } = await startPlace(t, ODD.join(''));
    const otherStore = openStore(folder);
    t.teardown(() => otherStore.close());
    const other = otherStore.table(USERS);
    for (let round = 0; round < 40; round += 1) {
      const read = () => Promise.all([users.count(), other.count(), users.get(['1']), other.get(['2'])]);
      await Promise.all([
        read(),
        users.insert({ id: 100 + round, name: 'one' }),
        read(),
        other.insert({ id: 200 + round, name: 'other' }),
        read(),
      ]);
    }
    const open = await Promise.all(
      (await readdir('/proc/self/fd')).map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => '')),
    );
    t.ok(open.filter((path) => path.startsWith(file)).length <= 2, 'one for each store');
  },
);

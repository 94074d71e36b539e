import {
  Binary,
  Code,
  DBRef,
  Decimal128,
  Double,
  Long,
  MinKey,
  ObjectId,
  Timestamp,
  type Document,
} from 'mongodb';
import t from 'tap';
import { misfitsOf, retypedOf } from '../../../src/domain/misfits.ts';
import { exactNumber } from '../../../src/domain/values.ts';
import { mongoFor } from '../../harness/mongo.ts';
import { failsWith } from '../../contracts/failing.ts';
import { id, placeOn } from './place.ts';

const server = await mongoFor(t);
const oid = (number: number) => new ObjectId(id(number));

if (server) {
  t.test('fields that no column names are kept by every write', async (t) => {
    const { database, table, documents } = await placeOn(server, t);
    const orders = table('orders', { total: 'decimal', 'customer.name': 'text' });
    const since = new Date('2020-01-02T03:04:05.678Z');
    const before = { _id: oid(1), total: 1, customer: { name: 'Ada', since }, tags: ['x'], nothing: null };
    await database.db.collection<Document>('orders').insertOne({ ...before });
    await orders.update(id(1), { total: 2.5 });
    await orders.upsertMany([{ _id: id(1), total: 3.75, 'customer.name': 'Bea' }]);
    const total = Decimal128.fromString('3.75');
    t.same(await documents('orders'), [{ ...before, total, customer: { name: 'Bea', since } }]);
  });

  t.test('a number that would come back as a Decimal128 is told from one that is', async (t) => {
    const { database, table } = await placeOn(server, t);
    const orders = table('orders', { total: 'decimal', weight: 'float' });
    await database.db.collection<Document>('orders').insertMany([
      { _id: oid(1), total: 9.99, weight: 1.5 },
      { _id: oid(2), total: Decimal128.fromString('9.99'), weight: 1.5 },
      { _id: oid(3), total: null },
    ]);
    const rows = await orders.scan(null, 10);
    t.same(rows.map(retypedOf), [[{ column: 'total', found: 'double', expected: 'decimal' }], [], []]);
    t.same(rows.map(misfitsOf), [[], [], []]);
  });

  t.test('a null leaves a missing field missing, and takes the place of a value', async (t) => {
    const { database, table, documents } = await placeOn(server, t);
    const orders = table('orders', { note: 'text', total: 'int', 'ship.city': 'text', 'ship.zip': 'text' });
    const collection = database.db.collection<Document>('orders');
    await collection.insertMany([
      { _id: oid(1) },
      { _id: oid(2), note: 'x', total: null, ship: { city: 'Graz' } },
    ]);
    const nulls = { note: null, total: null, 'ship.city': null, 'ship.zip': null };
    await orders.upsertMany([1, 2, 3].map((number) => ({ _id: id(number), ...nulls })));
    t.same(await documents('orders'), [
      { _id: oid(1) },
      { _id: oid(2), note: null, total: null, ship: { city: null } },
      { _id: oid(3) },
    ]);
    await orders.update(id(1), { note: null, total: 5 });
    t.same(await collection.findOne({ _id: oid(1) }), { _id: oid(1), total: 5 });
    t.same(await orders.insert({ _id: id(4), note: null }), { _id: id(4), note: null }, 'a new null is one');
  });

  t.test('a row has no value for a field that is missing, and one for a null', async (t) => {
    const { database, table } = await placeOn(server, t);
    await database.db
      .collection<Document>('orders')
      .insertMany([{ _id: oid(1) }, { _id: oid(2), note: null }]);
    const orders = table('orders', { note: 'text' });
    t.same(await orders.scan(null, 5), [{ _id: id(1) }, { _id: id(2), note: null }]);
    t.equal(
      await orders.count({ field: 'note', op: 'null', value: true }),
      2,
      'to a filter they are the same',
    );
  });

  t.test('a column that a whole row lacks is removed, and no other field', async (t) => {
    const { table, documents, database } = await placeOn(server, t);
    await database.db.collection<Document>('orders').insertOne({ _id: oid(1), note: 'x', other: 1 });
    await table('orders', { note: 'text', total: 'int' }).upsertMany([{ _id: id(1), total: 4 }]);
    t.same(await documents('orders'), [{ _id: oid(1), other: 1, total: 4 }]);
  });

  t.test('embedded documents, ObjectIds, decimals and long integers are columns like others', async (t) => {
    const { table, documents } = await placeOn(server, t);
    const orders = table('orders', {
      clientId: 'objectid',
      'amounts.net': 'decimal',
      'amounts.tax.rate': 'decimal',
      views: 'bigint',
      placed: 'timestamp',
    });
    const row = {
      _id: id(7),
      clientId: id(9),
      'amounts.net': exactNumber('12345678901234567890.5'),
      'amounts.tax.rate': 0.2,
      views: exactNumber('9007199254740993'),
      placed: '2026-01-02T03:04:05.678Z',
    };
    t.same(await orders.insert(row), row);
    await orders.upsertMany([{ ...row, _id: id(8) }]);
    const [first, second] = await documents('orders');
    t.same(first, {
      _id: oid(7),
      clientId: oid(9),
      amounts: {
        net: Decimal128.fromString('12345678901234567890.5'),
        tax: { rate: Decimal128.fromString('0.2') },
      },
      views: Long.fromString('9007199254740993'),
      placed: new Date('2026-01-02T03:04:05.678Z'),
    });
    t.same({ ...second, _id: oid(7) }, first, 'the same by upsert');
    const where = { field: 'clientId', op: 'eq', value: id(9) } as const;
    t.same(await orders.keysWhere(where, 10), [id(7), id(8)]);
    t.equal(await orders.count({ field: 'amounts.tax.rate', op: 'gte', value: 0.2 }), 2);
  });

  t.test('what JSON has no types for survives being copied back', async (t) => {
    const { database, table, documents } = await placeOn(server, t);
    const meta = {
      by: oid(5),
      at: new Date('2020-01-01'),
      price: Decimal128.fromString('1.10'),
      steps: [{ at: new Date(0) }],
    };
    await database.db.collection<Document>('orders').insertOne({ _id: oid(1), meta, seen: new Date(5) });
    for (const orders of [
      table('orders', { meta: 'json' }),
      table('orders', { meta: 'json' }, { rest: '*' }),
    ]) {
      const [row] = await orders.scan(null, 1);
      t.match(row?.meta, { by: id(5), at: '2020-01-01T00:00:00.000Z', price: 1.1 });
      await orders.upsertMany([{ ...row, _id: id(1) }]);
      await orders.update(id(1), { meta: row?.meta ?? null });
      t.same(await documents('orders'), [{ _id: oid(1), meta, seen: new Date(5) }]);
    }
    const changed = { by: id(5), at: '2020-01-01T00:00:00.000Z', price: 2.2 };
    await table('orders', { meta: 'json' }).update(id(1), { meta: changed });
    t.match((await documents('orders'))[0]?.meta, { by: oid(5), at: meta.at }, 'beside a change, too');
  });

  t.test('rare types are shown with what is in them, and stay what they are', async (t) => {
    const { database, table, documents } = await placeOn(server, t);
    const meta = {
      maker: new DBRef('makers', oid(5)),
      code: new Code('x => x + 1'),
      first: new MinKey(),
      pattern: /^a/i,
    };
    await database.db.collection<Document>('orders').insertOne({ _id: oid(1), meta });
    const orders = table('orders', { meta: 'json', maker: 'text' });
    const [row] = await orders.scan(null, 1);
    t.same(row?.meta, {
      maker: { $ref: 'makers', $id: id(5) },
      code: { code: 'x => x + 1' },
      first: { $minKey: 1 },
      pattern: '/^a/i',
    });
    await orders.upsertMany([{ ...row, _id: id(1) }]);
    t.same((await documents('orders'))[0]?.meta, meta);
    await database.db.collection<Document>('orders').insertOne({ _id: oid(2), views: new Timestamp(5n) });
    const [, other] = await table('orders', { views: 'bigint' }).scan(null, 2);
    t.match(misfitsOf(other ?? {}), [{ column: 'views', found: 'timestamp' }], 'no number to count with');
  });

  t.test('bytes keep their subtype, and JSON its dates, whatever other rows of the batch lack', async (t) => {
    const { database, table, documents } = await placeOn(server, t);
    const token = new Binary(Buffer.alloc(16, 7), 4);
    const meta = { at: new Date('2020-01-01') };
    await database.db.collection<Document>('orders').insertOne({ _id: oid(2), token, meta });
    const orders = table('orders', { token: 'bytes', meta: 'json' });
    const [row] = await orders.scan(null, 1);
    await orders.upsertMany([{ _id: id(1) }, { ...row, _id: id(2) }]);
    const [, kept] = await documents('orders');
    t.same(kept?.meta, meta);
    t.match(kept?.token, { sub_type: 4 });
    await orders.update(id(2), { token: Buffer.alloc(16, 8).toString('base64') });
    t.match((await documents('orders'))[1]?.token, { sub_type: 4 }, 'also where they change');
  });

  t.test('the rest of a document is a column of its own where one is asked for', async (t) => {
    const { database, table, documents } = await placeOn(server, t);
    const before = {
      _id: oid(1),
      total: 1,
      ship: { city: 'Graz', zip: '8010' },
      colour: 'red',
      deep: { a: [1] },
    };
    await database.db.collection<Document>('orders').insertOne(before);
    const orders = table('orders', { total: 'int', 'ship.city': 'text' }, { rest: '*' });
    const rest = { ship: { zip: '8010' }, colour: 'red', deep: { a: [1] } };
    t.same(await orders.scan(null, 1), [{ _id: id(1), total: 1, 'ship.city': 'Graz', '*': rest }]);
    await orders.update(id(1), { '*': { ship: { zip: '8020' }, size: 4 } });
    const after = { _id: oid(1), total: 1, ship: { zip: '8020', city: 'Graz' }, size: 4 };
    t.same(await documents('orders'), [after]);
    await orders.upsertMany([{ _id: id(2), total: 9, 'ship.city': 'Wien', '*': { ship: { zip: '1010' } } }]);
    t.same((await documents('orders'))[1], { _id: oid(2), ship: { zip: '1010', city: 'Wien' }, total: 9 });
    t.same(await orders.insert({ _id: id(3), total: 2, '*': { ship: { zip: '1' } }, 'ship.city': 'Linz' }), {
      _id: id(3),
      total: 2,
      'ship.city': 'Linz',
      '*': { ship: { zip: '1' } },
    });
  });

  t.test('a value of another type is shown as it is, and told', async (t) => {
    const { database, table } = await placeOn(server, t);
    const orders = table('orders', {
      total: 'decimal',
      clientId: 'objectid',
      tags: 'text[]',
      'ship.city': 'text',
    });
    await database.db.collection<Document>('orders').insertMany([
      { _id: oid(1), total: '12,50', clientId: id(9), tags: ['a', 5], ship: 'Graz' },
      { _id: oid(2), total: new Double(1.5), clientId: oid(9), tags: 'a', ship: [{ city: 'Graz' }] },
      { _id: oid(3), total: Long.fromNumber(2), clientId: null, tags: [], ship: null },
    ]);
    const rows = await orders.scan(null, 5);
    t.same(rows.map(misfitsOf), [
      [
        { column: 'total', found: 'string', expected: 'decimal' },
        { column: 'clientId', found: 'string', expected: 'objectid' },
        { column: 'tags', found: 'list with int', expected: 'text list' },
        { column: 'ship.city', found: 'string on the way', expected: 'text' },
      ],
      [
        { column: 'tags', found: 'string', expected: 'text list' },
        { column: 'ship.city', found: 'array on the way', expected: 'text' },
      ],
      [],
    ]);
    t.match(rows[0], { total: '12,50', clientId: id(9), tags: ['a', 5], 'ship.city': 'Graz' });
    t.same([rows[1]?.total, rows[2]?.total], [1.5, 2], 'every kind of number is one');
  });

  t.test('keys of another type are told by describe and by a scan that would leave them out', async (t) => {
    const { database, table } = await placeOn(server, t);
    await database.db
      .collection<Document>('orders')
      .insertMany([{ _id: oid(1) }, { _id: 'A-17' as unknown as ObjectId }]);
    const orders = table('orders', {});
    t.match((await orders.describe())?.problems, [/"_id" of type string \("A-17"\), not objectid/]);
    const error = await failsWith(t, 'store-answer', orders.scan(null, 10));
    t.match(error.message, /A-17/);
    t.same(
      (await orders.scan(null, 1)).map(({ _id }) => _id),
      [id(1)],
      'not before its end',
    );
    const big = table('numbers', { name: 'text' }, { keyType: 'int' });
    await big.upsertMany([{ _id: 1763740800000, name: 'a' }, { _id: 7 }]);
    t.same(await big.scanKeys(null, 9), ['7', '1763740800000'], 'integers have 64 bits');
    const numbers = [1, 1.5, 2].map((_id) => ({ _id: _id as unknown as ObjectId }));
    await database.db.collection<Document>('counters').insertMany(numbers);
    const counters = table('counters', {}, { keyType: 'int' });
    t.match(
      (await failsWith(t, 'store-answer', counters.scan(null, 10))).message,
      /of 1\.5, which is no whole/,
    );
  });

  t.test(
    'describe sees the fields of a sample, types that are mixed, and which indexes there are',
    async (t) => {
      const { database, table } = await placeOn(server, t);
      const collection = database.db.collection<Document>('orders');
      await collection.insertMany([
        { total: 1, ship: { city: 'Graz', zip: 1 } },
        { total: '2', extra: true },
      ]);
      await collection.createIndex({ total: 1, 'ship.city': -1 });
      const actual = await table('orders', { total: 'int', 'ship.city': 'text', gone: 'text' }).describe();
      const types = Object.fromEntries(
        actual?.columns.map(({ name, nativeType }) => [name, nativeType]) ?? [],
      );
      t.same(types, {
        _id: 'objectId',
        total: 'int | string',
        'ship.city': 'string',
        'ship.zip': 'int',
        extra: 'bool',
      });
      t.same(actual?.indexes, [['_id'], ['total', 'ship.city']]);
      t.equal(await table('nowhere', {}).describe(), null);
    },
  );
}

import { Double, MongoClient, ObjectId, type Document } from 'mongodb';
import t from 'tap';
import { afterRow, type Condition, type SortBy } from '../../../src/domain/query.ts';
import type { Table } from '../../../src/stores/contract.ts';
import { Documents } from '../../../src/stores/mongo/documents.ts';
import { readPage } from '../../../src/stores/mongo/pages.ts';
import { mongoFor } from '../../harness/mongo.ts';
import { id, placeOn } from './place.ts';

const server = await mongoFor(t);
const oid = (number: number) => new ObjectId(id(number));
const NEWEST: SortBy[] = [
  { field: 'createdAt', descending: true },
  { field: '_id', descending: true },
];

if (server) {
  t.test('a list by an indexed field, and each page of it, reads an index', async (t) => {
    const { database, table } = await placeOn(server, t);
    const client = new MongoClient(server.url, { monitorCommands: true });
    t.teardown(() => client.close());
    const collection = client.db(database.name).collection<Document>('orders');
    const explained = await collection
      .find()
      .explain()
      .catch((error: Error) => error.message);
    if (typeof explained === 'string') return t.comment(`skipped: the server explains nothing: ${explained}`);
    await collection.insertMany(
      Array.from({ length: 400 }, (_, n) => ({ _id: oid(n), createdAt: new Date(n * 1_000), n: n % 9 })),
    );
    await collection.createIndex({ createdAt: -1, _id: -1 });
    const { columns, projection } = new Documents(table('orders', { createdAt: 'timestamp', n: 'int' }).spec);
    const commands: Document[] = [];
    client.on('commandStarted', ({ commandName, command }) => {
      if (commandName === 'find' || commandName === 'aggregate') commands.push(command);
    });
    const within = { maxTimeMS: 20_000, signal: new AbortController().signal };
    const page = async (where: Condition | null) =>
      await readPage(
        collection,
        { sort: NEWEST, limit: 50, offset: 0, total: false, where },
        { key: '_id', columns, projection },
        within,
      );
    t.equal((await page(null)).length, 50);
    const moment = new Date(200_000).toISOString();
    t.equal((await page(afterRow(NEWEST, [moment, id(200)]))).length, 50);
    t.equal(commands.length, 4, 'nulls and values of the first page, ties of the second and what is beyond');
    for (const { find, filter, sort, limit } of commands) {
      const explain = {
        find: find as string,
        filter: filter as Document,
        sort: sort as Document,
        limit: limit as number,
      };
      const plan = JSON.stringify(await database.db.command({ explain, verbosity: 'queryPlanner' }));
      t.match(plan, /IXSCAN/, 'an index');
      t.notMatch(plan, /COLLSCAN/, 'not the whole collection');
    }
  });

  t.test('a moment between two milliseconds divides dates as it does in Postgres', async (t) => {
    const { database, table } = await placeOn(server, t);
    await database.db
      .collection<Document>('orders')
      .insertMany([1, 2, 3].map((n) => ({ _id: oid(n), createdAt: new Date(n) })));
    const orders = table('orders', { createdAt: 'timestamp' });
    const moment = '1970-01-01T00:00:00.002500Z';
    const holds = async (op: 'eq' | 'ne' | 'gt' | 'gte' | 'lt' | 'lte') =>
      (await orders.keysWhere({ field: 'createdAt', op, value: moment }, 9)).map((key) =>
        Number.parseInt(key, 16),
      );
    t.same(await holds('eq'), []);
    t.same(await holds('ne'), [1, 2, 3]);
    t.same([await holds('gt'), await holds('gte')], [[3], [3]]);
    t.same(
      [await holds('lt'), await holds('lte')],
      [
        [1, 2],
        [1, 2],
      ],
    );
  });

  t.test('a decimal that is stored as a double is found and passed by what it is shown as', async (t) => {
    const { database, table } = await placeOn(server, t);
    await database.db
      .collection<Document>('orders')
      .insertMany([0.1, 0.2, 0.3, 0.7].map((total, n) => ({ _id: oid(n), total: new Double(total) })));
    const orders = table('orders', { total: 'decimal' });
    const count = async (where: Condition) => await orders.count(where);
    t.equal(await count({ field: 'total', op: 'eq', value: 0.1 }), 1);
    t.equal(await count({ field: 'total', op: 'in', value: [0.3, 0.7] }), 2);
    t.equal(await count({ field: 'total', op: 'gt', value: 0.1 }), 3);
    t.equal(await count({ field: 'total', op: 'gte', value: 0.3 }), 2);
    t.equal(await count({ field: 'total', op: 'lt', value: 0.7 }), 3);
    t.equal(await count({ field: 'total', op: 'lte', value: 0.2 }), 2);
    const sort = [
      { field: 'total', descending: false },
      { field: '_id', descending: false },
    ];
    t.same(await byPages(orders, sort, 1), [id(0), id(1), id(2), id(3)]);
  });

  t.test('text that begins alike is no pattern, and one that contains a pattern is text', async (t) => {
    const { database, table } = await placeOn(server, t);
    const collection = database.db.collection<Document>('clients');
    await collection.insertMany(['s9', 's9.*', '(s9', 'S9A'].map((name, n) => ({ _id: oid(n), name })));
    await collection.createIndex({ name: 1 });
    const clients = table('clients', { name: 'text' });
    const count = async (value: string) => await clients.count({ field: 'name', op: 'contains', value });
    t.same([await count('s9'), await count('s9.*'), await count('(S'), await count('9a')], [4, 1, 1, 1]);
  });

  t.test('pages by fields that documents lack read every document once', async (t) => {
    const { database, table } = await placeOn(server, t);
    await database.db.collection<Document>('orders').insertMany(
      Array.from({ length: 40 }, (_, n) => ({
        _id: oid(n),
        ...(n % 3 ? { rank: n % 4 } : n % 2 ? { rank: null } : {}),
        ...(n % 5 ? { ship: { city: `c${n % 3}` } } : n % 2 ? { ship: {} } : {}),
      })),
    );
    const orders = table('orders', { rank: 'int', 'ship.city': 'text' });
    for (const descending of [false, true]) {
      const sort = [
        { field: 'rank', descending },
        { field: 'ship.city', descending: !descending },
        { field: '_id', descending },
      ];
      const { rows } = await orders.list({ where: null, sort, limit: 100, offset: 0, total: false });
      const wanted = rows.map(({ _id }) => _id);
      t.equal(new Set(wanted).size, 40);
      t.same(await byPages(orders, sort, 7), wanted, 'keyset pages');
      t.same(await byOffset(orders, sort, 7), wanted, 'offset pages');
      const nulls = rows.map(({ rank }) => (rank ?? null) === null);
      t.same(
        nulls,
        [...nulls].sort((a, b) => (descending ? Number(b) - Number(a) : Number(a) - Number(b))),
      );
    }
  });
}

async function byPages(table: Table, sort: SortBy[], limit: number): Promise<unknown[]> {
  const ids: unknown[] = [];
  let where: Condition | null = null;
  while (ids.length < 1_000) {
    const { rows } = await table.list({ where, sort, limit, offset: 0, total: false });
    const last = rows.at(-1);
    if (!last) break;
    ids.push(...rows.map(({ _id }) => _id));
    where = afterRow(
      sort,
      sort.map(({ field }) => last[field] ?? null),
    );
  }
  return ids;
}

async function byOffset(table: Table, sort: SortBy[], limit: number): Promise<unknown[]> {
  const ids: unknown[] = [];
  for (let offset = 0; offset < 1_000; offset += limit) {
    const { rows } = await table.list({ where: null, sort, limit, offset, total: false });
    ids.push(...rows.map(({ _id }) => _id));
    if (rows.length === 0) break;
  }
  return ids;
}

import type { Db } from 'mongodb';
import t from 'tap';
import type { MongoStoreSettings } from '../../src/domain/configuration.ts';
import type { ValueType } from '../../src/domain/model.ts';
import { MongoStore } from '../../src/stores/mongo/store.ts';
import { createMongoDatabase, mongoFor, type MongoServer } from '../harness/mongo.ts';
import { storeContract, type Changes, type StoreUnderTest } from './store-contract.ts';
import { TABLES, type TestColumn, type TestTable } from './tables.ts';

const BSON: Record<ValueType, string[]> = {
  text: ['string'],
  uuid: ['string'],
  objectid: ['objectId'],
  int: ['int'],
  bigint: ['long'],
  decimal: ['decimal'],
  float: ['double'],
  boolean: ['bool'],
  timestamp: ['date'],
  date: ['string'],
  time: ['string'],
  json: [],
  bytes: ['binData'],
  enum: ['string'],
};

/** The suite's tables as collections: what the columns may hold is a validator, as far as MongoDB has one. */
async function collectionsIn(db: Db): Promise<void> {
  for (const table of TABLES) {
    const { name, key } = table.spec;
    await db.createCollection(name, { validator: { $jsonSchema: rulesOf(table) } });
    const unique = [key, ...table.columns.filter((column) => column.unique).map((column) => column.name)];
    // A missing label is not a second one of the same.
    for (const field of unique)
      await db.collection(name).createIndex({ [field]: 1 }, { unique: true, sparse: field !== key });
  }
}

function rulesOf({ spec, columns }: TestTable): object {
  const properties = Object.fromEntries(columns.map((column) => [column.name, ruleOf(column)]));
  return { bsonType: 'object', properties: { _id: {}, ...properties }, required: [spec.key] };
}

function ruleOf({ type, list, nullable }: TestColumn): object {
  const types = list ? ['array'] : BSON[type];
  const colours = type === 'enum' ? { enum: ['red', 'green', 'dark blue', null] } : {};
  return types.length > 0 ? { bsonType: [...types, ...(nullable ? ['null'] : [])], ...colours } : {};
}

async function open(server: MongoServer): Promise<StoreUnderTest> {
  const database = await createMongoDatabase(server);
  await collectionsIn(database.db);
  const openWith = ({ timeout, pool, port, wrongSecret }: Changes = {}) => {
    const url = new URL(database.url);
    if (port) {
      url.port = String(port);
      // Else the driver goes on to the address that the server gives of itself.
      url.searchParams.set('directConnection', 'true');
    }
    if (wrongSecret) [url.username, url.password] = ['nobody', 'wrong'];
    const settings: MongoStoreSettings = {
      kind: 'mongo',
      url: url.href,
      database: database.name,
      // A store behind a proxy of faults is waited for; the time for it is not long.
      timeout: timeout ?? (port ? 3_000 : 20_000),
      deadline: 60_000,
      pool: pool ?? { max: 5, wait: 10_000 },
      retry: null,
      breaker: null,
    };
    return new MongoStore('legacy', settings, () => undefined);
  };
  const store = openWith();
  await store.ping();
  return {
    kind: 'mongo',
    store,
    openWith,
    port: server.port,
    empty: async () =>
      void (await Promise.all(TABLES.map(({ spec }) => database.db.collection(spec.name).deleteMany({})))),
    limits: {
      defaults: 'MongoDB has no defaults',
      references: 'MongoDB has no foreign keys',
      microseconds: 'a MongoDB date has milliseconds',
      'drawn-keys': 'MongoDB draws ObjectIds only',
      'strict-tables': 'a MongoDB collection is made by its first document, and has no fixed columns',
    },
    close: async () => {
      await store.close();
      await database.drop();
    },
  };
}

const server = await mongoFor(t);
if (server) await storeContract(t, () => open(server));

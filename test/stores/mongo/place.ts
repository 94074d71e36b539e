import type { Document } from 'mongodb';
import type { Test } from 'tap';
import type { ColumnSpec, KeyType, ValueType } from '../../../src/domain/model.ts';
import type { Table, TableSpec } from '../../../src/stores/contract.ts';
import { MongoStore } from '../../../src/stores/mongo/store.ts';
import { createMongoDatabase, type MongoDatabase, type MongoServer } from '../../harness/mongo.ts';

export interface Place {
  database: MongoDatabase;
  store: MongoStore;
  /** The table of a collection with these columns: `name` or `path: type`, `type[]` for lists. */
  table(name: string, columns: Record<string, `${ValueType}` | `${ValueType}[]`>, options?: Options): Table;
  /** Documents of a collection in the order of their keys. */
  documents(name: string): Promise<Document[]>;
}

interface Options {
  keyType?: KeyType;
  rest?: string;
}

/** A store on a database of the test's own. */
export async function placeOn(
  server: MongoServer,
  t: Test,
  { url, timeout = 20_000 }: { url?: string; timeout?: number } = {},
): Promise<Place> {
  const database = await createMongoDatabase(server, t);
  const store = new MongoStore(
    'shop',
    {
      kind: 'mongo',
      url: url ?? server.url,
      database: database.name,
      timeout,
      deadline: 60_000,
      pool: { max: 5, wait: 10_000 },
    },
    () => undefined,
  );
  t.teardown(() => store.close());
  return {
    database,
    store,
    table: (name, columns, options = {}) => store.table(specOf(name, columns, options)),
    documents: async (name) => await database.db.collection(name).find().sort({ _id: 1 }).toArray(),
  };
}

function specOf(
  name: string,
  columns: Record<string, string>,
  { keyType = 'objectid', rest }: Options,
): TableSpec {
  const key: ColumnSpec = { name: '_id', type: keyType, list: false, nullable: false };
  const others = Object.entries(columns).map(([column, type]): ColumnSpec => ({
    name: column,
    type: type.replace('[]', '') as ValueType,
    list: type.endsWith('[]'),
    nullable: true,
  }));
  const keys = [{ name: '_id', type: keyType }];
  return { name, keys, key: '_id', keyType, columns: [key, ...others], ...(rest ? { rest } : {}) };
}

/** An ObjectId made of a number: greater numbers are greater ids. */
export function id(number: number): string {
  return number.toString(16).padStart(24, '0');
}

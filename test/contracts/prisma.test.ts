import t from 'tap';
import type { PrismaStoreSettings } from '../../src/domain/configuration.ts';
import { PrismaStore } from '../../src/stores/prisma/store.ts';
import { createDatabase } from '../harness/postgres.ts';
import { storeContract, type Changes, type StoreUnderTest } from './store-contract.ts';
import { emptyInSql, tablesInSql } from './tables.ts';

async function open(): Promise<StoreUnderTest> {
  const database = await createDatabase();
  await database.query(tablesInSql());
  const { port: serverPort } = new URL(database.url);
  const openWith = ({ timeout, pool, port, wrongSecret }: Changes = {}) => {
    const url = new URL(database.url);
    if (port) url.port = String(port);
    if (wrongSecret) url.password = 'wrong';
    const settings: PrismaStoreSettings = {
      kind: 'prisma',
      url: url.href,
      ownerUrl: database.url,
      reportsUrl: null,
      schema: '',
      timeout: timeout ?? 20_000,
      deadline: 60_000,
      pool: pool ?? { max: 5, wait: 10_000 },
      statementTimeout: timeout ?? 20_000,
      slowQueries: null,
    };
    return new PrismaStore('new', settings, () => undefined);
  };
  const store = openWith();
  return {
    kind: 'prisma',
    store,
    openWith,
    port: Number(serverPort),
    empty: async () => void (await database.query(emptyInSql())),
    rolledBack: async (work) => {
      const undone = new Error('rolled back');
      const transaction = store.database.transaction(async (sql) => {
        await work(sql);
        throw undone;
      });
      await transaction.catch((error: unknown) => {
        if (error !== undone) throw error;
      });
    },
    limits: {},
    close: async () => {
      await store.close();
      await database.drop();
    },
  };
}

await storeContract(t, open);

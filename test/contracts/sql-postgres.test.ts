import t from 'tap';
import type { SqlStoreSettings } from '../../src/domain/configuration.ts';
import { SqlStore } from '../../src/stores/sql/store.ts';
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
    const settings: SqlStoreSettings = {
      kind: 'sql',
      url: url.href,
      timeout: timeout ?? 20_000,
      deadline: 60_000,
      pool: pool ?? { max: 5, wait: 10_000 },
      foreignKeys: true,
      timestamps: { text: 'iso', integer: 'milliseconds' },
    };
    return new SqlStore('legacy', settings, () => undefined);
  };
  const store = openWith();
  return {
    kind: 'sql on Postgres',
    store,
    openWith,
    port: Number(serverPort),
    empty: async () => void (await database.query(emptyInSql())),
    limits: {},
    close: async () => {
      await store.close();
      await database.drop();
    },
  };
}

await storeContract(t, open);

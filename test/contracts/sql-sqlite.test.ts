import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import SQLite from 'better-sqlite3';
import t from 'tap';
import type { SqlStoreSettings } from '../../src/domain/configuration.ts';
import { SqlStore } from '../../src/stores/sql/store.ts';
import { emptyInSqlite, tablesInSqlite } from './sqlite-tables.ts';
import { storeContract, type Changes, type StoreUnderTest } from './store-contract.ts';

async function open(): Promise<StoreUnderTest> {
  const folder = await mkdtemp(join(tmpdir(), 'banyan-sqlite-'));
  const file = join(folder, 'contract.db');
  const database = new SQLite(file);
  database.exec(tablesInSqlite());
  const openWith = ({ timeout, pool }: Changes = {}) => {
    const settings: SqlStoreSettings = {
      kind: 'sql',
      url: `sqlite:${file}`,
      timeout: timeout ?? 20_000,
      deadline: 60_000,
      pool: pool ?? { max: 3, wait: 10_000 },
      foreignKeys: true,
      timestamps: { text: 'iso', integer: 'milliseconds' },
    };
    return new SqlStore('legacy', settings, () => undefined);
  };
  const store = openWith();
  return {
    kind: 'sql on SQLite',
    store,
    openWith,
    port: null,
    empty: () => Promise.resolve(void database.exec(emptyInSqlite())),
    limits: {},
    close: async () => {
      await store.close();
      database.close();
      await rm(folder, { recursive: true });
    },
  };
}

await storeContract(t, open);

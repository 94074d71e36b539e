import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import SQLite from 'better-sqlite3';
import type { Test } from 'tap';
import type { SqlStoreSettings } from '../../../src/domain/configuration.ts';
import type { ColumnSpec, KeyType, ValueType } from '../../../src/domain/model.ts';
import type { Store, Table, TableSpec } from '../../../src/stores/contract.ts';
import { SqlStore } from '../../../src/stores/sql/store.ts';
import { until } from '../../harness/wait.ts';

export interface SqliteFile {
  path: string;
  /** A connection of another program. */
  other: SQLite.Database;
  open(changes?: Partial<SqlStoreSettings>): Store;
}

/** A SQLite file with the given tables, gone after the test. */
export async function sqliteFile(t: Test, ddl: string): Promise<SqliteFile> {
  const folder = await mkdtemp(join(tmpdir(), 'banyan-sqlite-'));
  const path = join(folder, 'test.db');
  const other = new SQLite(path);
  other.exec(ddl);
  const stores: Store[] = [];
  t.teardown(async () => {
    await Promise.all(stores.map((store) => store.close()));
    other.close();
    await rm(folder, { recursive: true });
  });
  const open = (changes: Partial<SqlStoreSettings> = {}) => {
    const store = new SqlStore('crm', settingsOf(`sqlite:${path}`, changes), () => undefined);
    stores.push(store);
    return store;
  };
  return { path, other, open };
}

export function settingsOf(url: string, changes: Partial<SqlStoreSettings> = {}): SqlStoreSettings {
  return {
    kind: 'sql',
    url,
    timeout: 20_000,
    deadline: 60_000,
    pool: { max: 3, wait: 10_000 },
    foreignKeys: true,
    timestamps: { text: 'iso', integer: 'milliseconds' },
    ...changes,
  };
}

/** A table of `id` and other columns; a type that ends in `[]` is a list. */
export function specOf(
  name: string,
  keyType: KeyType,
  types: Record<string, ValueType | `${ValueType}[]`>,
): TableSpec {
  const columns = Object.entries({ id: keyType, ...types }).map(([column, type]): ColumnSpec => ({
    name: column,
    type: type.replace('[]', '') as ValueType,
    list: type.endsWith('[]'),
    nullable: column !== 'id',
  }));
  return { name, keys: [{ name: 'id', type: keyType }], key: 'id', keyType, columns };
}

/** Reads and writes once, so that the threads are there: a test with a short timeout is not about their start. */
export async function warm(table: Table): Promise<void> {
  await until(() => table.count().then(() => true), { what: 'a thread reads' });
  await until(() => table.removeMany(['-1', '-2']).then(() => true), { what: 'a thread writes' });
}

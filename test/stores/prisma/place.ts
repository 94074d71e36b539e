import type { PrismaStoreSettings } from '../../../src/domain/configuration.ts';
import { openDatabase, type PostgresDatabase } from '../../../src/postgres/database.ts';
import { PrismaStore } from '../../../src/stores/prisma/store.ts';
import type { Teardown } from '../../harness/postgres.ts';

export type Notice = { store: string; message: string; details?: Record<string, unknown> };

export function settingsFor(url: string, changes: Partial<PrismaStoreSettings> = {}): PrismaStoreSettings {
  return {
    kind: 'prisma',
    url,
    ownerUrl: url,
    reportsUrl: null,
    schema: '',
    pool: { max: 4, wait: 5_000 },
    statementTimeout: 10_000,
    timeout: 15_000,
    deadline: 20_000,
    slowQueries: null,
    ...changes,
  };
}

/** A store on a test database, its notices, and a database of its own to look from outside. */
export function openPlace(
  t: Teardown,
  url: string,
  changes: Partial<PrismaStoreSettings> = {},
): { store: PrismaStore; notices: Notice[]; outside: PostgresDatabase } {
  const notices: Notice[] = [];
  const store = new PrismaStore('new', settingsFor(url, changes), (notice) => notices.push(notice));
  const outside = openDatabase({
    title: 'outside',
    role: 'store',
    url,
    max: 2,
    wait: 5_000,
    timeout: 20_000,
    statementTimeout: 20_000,
  });
  t.teardown(async () => {
    await store.close();
    await outside.close();
  });
  return { store, notices, outside };
}

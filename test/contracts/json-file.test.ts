import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import type { JsonFileStoreSettings } from '../../src/domain/configuration.ts';
import { JsonFileStore } from '../../src/stores/json-file/store.ts';
import { storeContract, type Changes, type StoreUnderTest } from './store-contract.ts';
import { COMPOSITE_TABLES, TABLES } from './tables.ts';

const NAMES = [...TABLES, ...COMPOSITE_TABLES].map(({ spec }) => spec.name);

/** The two layouts: what the store's path is, and how its tables are emptied. */
const LAYOUTS: Record<string, { path: string; empty: (folder: string) => Promise<void> }> = {
  'a file per table': {
    path: 'tables',
    empty: async (folder) =>
      void (await Promise.all(
        NAMES.map((name) => writeFile(join(folder, 'tables', `${name}.json`), '[]\n')),
      )),
  },
  'one file with many tables': {
    path: 'tables/all.json',
    empty: async (folder) => {
      const lists = Object.fromEntries(NAMES.map((name) => [name, []]));
      await writeFile(
        join(folder, 'tables/all.json'),
        `${JSON.stringify({ version: 1, ...lists }, null, 2)}\n`,
      );
    },
  },
};

async function open(layout: (typeof LAYOUTS)[string]): Promise<StoreUnderTest> {
  const folder = await mkdtemp(join(tmpdir(), 'banyan-json-'));
  await mkdir(join(folder, 'tables'));
  const openWith = ({ timeout }: Changes = {}) => {
    const settings: JsonFileStoreSettings = {
      kind: 'json-file',
      path: join(folder, layout.path),
      timeout: timeout ?? 20_000,
      deadline: 60_000,
    };
    return new JsonFileStore('legacy', settings);
  };
  await layout.empty(folder);
  const store = openWith();
  return {
    kind: 'json-file',
    store,
    openWith,
    port: null,
    empty: () => layout.empty(folder),
    limits: {
      defaults: 'a file has no defaults: what a record lacks is missing',
      unique: 'of a file only the key is unique',
      references: 'a file knows no references',
      enumerations: 'a file does not know the values of an enumeration',
    },
    close: async () => {
      await store.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

for (const [title, layout] of Object.entries(LAYOUTS))
  await t.test(title, async (t) => await storeContract(t, () => open(layout)));

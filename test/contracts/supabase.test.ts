import t from 'tap';
import type { SupabaseStoreSettings } from '../../src/domain/configuration.ts';
import { startSupabaseLite } from '../../src/quickstart/supabase-lite.ts';
import { SupabaseStore } from '../../src/stores/supabase/store.ts';
import { createDatabase } from '../harness/postgres.ts';
import { storeContract, type Changes, type StoreUnderTest } from './store-contract.ts';
import { emptyInSql, tablesInSql } from './tables.ts';

const KEY = 'sb_secret_of_the_contract_suite';

async function open(): Promise<StoreUnderTest> {
  const database = await createDatabase();
  await database.query(tablesInSql());
  const server = await startSupabaseLite({ databaseUrl: database.url, secretKey: KEY });
  const openWith = ({ timeout, pool, port, wrongSecret }: Changes = {}) => {
    const settings: SupabaseStoreSettings = {
      kind: 'supabase',
      url: `http://127.0.0.1:${port ?? server.port}`,
      key: wrongSecret ? 'sb_secret_wrong' : KEY,
      timeout: timeout ?? 20_000,
      deadline: 60_000,
      pool: pool ?? { max: 5, wait: 10_000 },
    };
    return new SupabaseStore('legacy', settings, () => undefined);
  };
  const store = openWith();
  return {
    kind: 'supabase',
    store,
    openWith,
    port: server.port,
    empty: async () => void (await database.query(emptyInSql())),
    limits: {
      'long-numbers': '@supabase/lite reads every number of a request as a double',
      bytes: '@supabase/lite stores the text of a bytea and not its bytes',
      'json-booleans': '@supabase/lite refuses true and false as a whole document',
      'infinite-floats': '@supabase/lite answers null for an infinite float',
      'quotes-in-nested-conditions': '@supabase/lite does not know escapes in quoted values of a logic tree',
      'stars-in-nested-conditions': '@supabase/lite does not know escapes in quoted values of a logic tree',
    },
    close: async () => {
      await store.close();
      await server.stop();
      await database.drop();
    },
  };
}

await storeContract(t, open);

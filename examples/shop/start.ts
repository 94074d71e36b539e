import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type Accounts, makeDatabase, withClient } from '../../src/quickstart/accounts.ts';
import { startEmbeddedPostgres } from '../../src/quickstart/embedded-postgres.ts';
import { makeData, writeData } from './data.ts';

const LOGIN = { password: 'shop' } as const;
const ACCOUNTS: Accounts = {
  owner: { user: 'shop_owner', ...LOGIN },
  gateway: { user: 'shop_gateway', ...LOGIN },
  reports: { user: 'shop_reports', ...LOGIN },
};
const USERS = 200;
const SEED = 7;

/** Starts what is around the gateway: the shop's files, with what years without a schema leave behind, and a Postgres. */
export async function start({
  folder,
  scale = 1,
  log,
}: {
  folder: string;
  scale?: number;
  log: (line: string) => void;
}) {
  const data = join(folder, 'data');
  await mkdir(folder, { recursive: true });
  if (!existsSync(data)) {
    await writeData(
      data,
      makeData({ users: Math.max(5, Math.round(USERS * scale)), seed: SEED, dirty: true }),
    );
    log(`The shop's files are in ${data}.`);
  }
  const postgres = await startEmbeddedPostgres({ folder: join(folder, 'postgres'), use: 'shared', log });
  await withClient(postgres.url('postgres'), (client) => makeDatabase(client, 'shop', ACCOUNTS));
  const env = {
    SHOP_DATA: data,
    DATABASE_URL: postgres.url('shop', ACCOUNTS.gateway),
    DATABASE_OWNER_URL: postgres.url('shop', ACCOUNTS.owner),
    REPORTS_DATABASE_URL: postgres.url('shop', ACCOUNTS.reports),
  };
  const config = join(import.meta.dirname, 'routes.config.yaml');
  const exports = Object.entries({ BANYAN_CONFIG: config, ...env }).map(
    ([name, value]) => `export ${name}='${value}'`,
  );
  return {
    config,
    env,
    welcome: (url: string) => `
The shop is at ${url}, answered from its JSON files.

  curl '${url}/api/products?limit=2&sort=-price'

For the command line, in another terminal:

  ${exports.join('\n  ')}
  npx banyan switch users dual-write           # and so on: products, carts, cart-items, orders, order-items, leads, events
  npx banyan status
  npx banyan dead-letters list                 # the records that Postgres refuses, each with its reason
  npx banyan dead-letters export --file letters.jsonl
`,
    stop: async () => await postgres.stopIfUnused(),
  };
}

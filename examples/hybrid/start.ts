import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type Accounts, makeDatabase, withClient } from '../../src/quickstart/accounts.ts';
import { startEmbeddedPostgres } from '../../src/quickstart/embedded-postgres.ts';
import { startMongo } from '../../test/harness/mongo.ts';
import { fillAt, WORKSPACES } from './data.ts';
import { tokenFor } from './token.ts';

const LOGIN = { password: 'hybrid' } as const;
const ACCOUNTS: Accounts = {
  owner: { user: 'hybrid_owner', ...LOGIN },
  gateway: { user: 'hybrid_gateway', ...LOGIN },
  reports: { user: 'hybrid_reports', ...LOGIN },
};
const ORDERS = 2_000;
const SEED = 11;
const SECRET = 'a-secret-of-the-example-that-nobody-keeps';

/** Starts what is around the gateway: a MongoDB with a back office's documents, and a Postgres. */
export async function start({
  folder,
  scale = 1,
  log,
}: {
  folder: string;
  scale?: number;
  log: (line: string) => void;
}) {
  await mkdir(folder, { recursive: true });
  const mongo = await startMongo({ folder: join(folder, 'mongo'), log });
  await fillAt(mongo.url, 'backoffice', { orders: Math.max(10, Math.round(ORDERS * scale)), seed: SEED });
  const postgres = await startEmbeddedPostgres({ folder: join(folder, 'postgres'), use: 'shared', log });
  await withClient(postgres.url('postgres'), (client) => makeDatabase(client, 'hybrid', ACCOUNTS));
  const env = {
    MONGO_URL: mongo.url,
    MONGO_DATABASE: 'backoffice',
    DATABASE_URL: postgres.url('hybrid', ACCOUNTS.gateway),
    DATABASE_OWNER_URL: postgres.url('hybrid', ACCOUNTS.owner),
    JWT_SECRET: SECRET,
  };
  const config = join(import.meta.dirname, 'routes.config.yaml');
  const exports = Object.entries({ BANYAN_CONFIG: config, ...env }).map(
    ([name, value]) => `export ${name}='${value}'`,
  );
  const token = await tokenFor('user-1', WORKSPACES[0], SECRET);
  return {
    config,
    env,
    welcome: (url: string) => `
The back office is at ${url}, answered from MongoDB. A token of one workspace, for 12 hours:

  export TOKEN=${token}
  curl -H "authorization: Bearer $TOKEN" '${url}/api/ecom/orders?limit=2'
  curl -H "authorization: Bearer $TOKEN" '${url}/api/ecom/analytics'

For the command line, in another terminal:

  ${exports.join('\n  ')}
  npx banyan switch clients merged      # strategy 2; "split" is strategy 1, "new" strategy 3
  npx banyan status
`,
    stop: async () => {
      await mongo.stop();
      await postgres.stopIfUnused();
    },
  };
}

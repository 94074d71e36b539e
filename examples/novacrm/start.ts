import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { type Accounts, makeDatabase, withClient } from '../../src/quickstart/accounts.ts';
import { startEmbeddedPostgres } from '../../src/quickstart/embedded-postgres.ts';
import { complianceService } from './compliance/service.ts';
import { makeLegacy } from './data.ts';
import { tokenFor } from './token.ts';

const LOGIN = { password: 'novacrm' } as const;
const ACCOUNTS: Accounts = {
  owner: { user: 'novacrm_owner', ...LOGIN },
  gateway: { user: 'novacrm_gateway', ...LOGIN },
  reports: { user: 'novacrm_reports', ...LOGIN },
};

/** Starts what is around the gateway; answers its environment, and what to try next. */
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
  const file = join(folder, 'novacrm.db');
  if (!existsSync(file)) await makeLegacy(file, { scale });
  const postgres = await startEmbeddedPostgres({ folder: join(folder, 'postgres'), use: 'shared', log });
  await withClient(postgres.url('postgres'), (client) => makeDatabase(client, 'novacrm', ACCOUNTS));
  const service = complianceService().listen(0, '127.0.0.1');
  await once(service, 'listening');
  const secret = process.env.JWT_SECRET ?? randomBytes(32).toString('hex');
  const token = await tokenFor('admin', secret);
  return {
    config: join(import.meta.dirname, 'routes.config.yaml'),
    env: {
      NOVACRM_FILE: file,
      DATABASE_URL: postgres.url('novacrm', ACCOUNTS.gateway),
      DATABASE_OWNER_URL: postgres.url('novacrm', ACCOUNTS.owner),
      COMPLIANCE_URL: `http://127.0.0.1:${(service.address() as AddressInfo).port}`,
      JWT_SECRET: secret,
    },
    welcome: (url: string) => `
NovaCRM is at ${url}/docs. A token of an admin, for 12 hours:

  TOKEN=${token}
  curl -H "authorization: Bearer $TOKEN" "${url}/api/v1/contacts?limit=2"

Change "mode" of a resource in examples/novacrm/routes.config.yaml, and watch it move.
`,
    stop: async () => {
      service.close();
      await postgres.stopIfUnused();
    },
  };
}

import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type Accounts, makeDatabase, withClient } from '../../src/quickstart/accounts.ts';
import { startEmbeddedPostgres } from '../../src/quickstart/embedded-postgres.ts';
import { startIssuer } from '../../test/harness/issuer.ts';
import { fillLegacy } from './data.ts';

const LOGIN = { password: 'sqal' } as const;
const ACCOUNTS: Accounts = {
  owner: { user: 'sqal_owner', ...LOGIN },
  gateway: { user: 'sqal_gateway', ...LOGIN },
  reports: { user: 'sqal_reports', ...LOGIN },
};
const HOURS = 12;

/** Starts what is around the gateway: both databases and an issuer of tokens; answers its environment. */
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
  const postgres = await startEmbeddedPostgres({ folder: join(folder, 'postgres'), use: 'shared', log });
  await withClient(postgres.url('postgres'), async (client) => {
    await makeDatabase(client, 'sqal', ACCOUNTS);
    const found = await client.query("SELECT FROM pg_database WHERE datname = 'sqal_legacy'");
    if (found.rowCount === 0) await client.query('CREATE DATABASE sqal_legacy');
  });
  const legacyUrl = postgres.url('sqal_legacy');
  const organisation = await organisationOf(legacyUrl, Math.max(100, Math.round(20_000 * scale)));
  const ends: (() => unknown)[] = [];
  const issuer = await startIssuer({ teardown: (end) => void ends.push(end) });
  const claims = { sub: 'you', organisation, realm_access: { roles: ['device', 'analyst', 'admin'] } };
  const token = await issuer.token(claims, { audience: 'sqal', expiresIn: HOURS * 3_600 });
  return {
    config: join(import.meta.dirname, 'routes.config.yaml'),
    env: {
      LEGACY_DATABASE_URL: legacyUrl,
      DATABASE_URL: postgres.url('sqal', ACCOUNTS.gateway),
      DATABASE_OWNER_URL: postgres.url('sqal', ACCOUNTS.owner),
      OIDC_ISSUER: issuer.url,
    },
    welcome: (url: string) => `
SQAL is at ${url}/docs. A token of everything in one organisation, for ${HOURS} hours:

  export TOKEN=${token}
  curl -H "authorization: Bearer $TOKEN" "${url}/v2/devices"
  curl -gH "authorization: Bearer $TOKEN" "${url}/v1/samples?recordedAt[lt]=2026-01-02T00:00:00Z&limit=2"

Change "mode" of a resource in examples/sqal/routes.config.yaml, and watch it move.
`,
    stop: async () => {
      for (const end of ends) await end();
      await postgres.stopIfUnused();
    },
  };
}

/** The first organisation of the sample data, which are made at the first start. */
async function organisationOf(url: string, samples: number): Promise<string> {
  const first = await withClient(url, async (client) => {
    const made = await client.query("SELECT to_regclass('organisation') IS NOT NULL AS made");
    if (!(made.rows[0] as { made: boolean }).made) return undefined;
    return (
      await client.query<{ id: string }>('SELECT org_id AS id FROM organisation ORDER BY org_name LIMIT 1')
    ).rows[0];
  });
  return first?.id ?? ((await fillLegacy(url, { samples })).organisations[0]?.id as string);
}

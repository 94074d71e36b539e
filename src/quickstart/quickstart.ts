import { join, resolve } from 'node:path';
import { type Accounts, makeDatabase, withClient } from './accounts.ts';
import { type EmbeddedPostgres, startEmbeddedPostgres } from './embedded-postgres.ts';
import { openFolder, rememberPort, rememberedPort, secret } from './place.ts';
import { loadSampleData } from './sample-data.ts';
import { type SupabaseLite, startSupabaseLite } from './supabase-lite.ts';
import { codeOf, type Log } from './trouble.ts';

export interface QuickstartOptions {
  /** Where everything is kept, `.banyan` of the project; a restart with the same folder goes on with its data. */
  folder: string;
  log: Log;
  /** Share of the full volume of sample data, for a first start. */
  scale?: number;
}

/** The environment that a gateway on the embedded stores starts with. Holds secrets. */
export interface QuickstartEnvironment {
  DATABASE_URL: string;
  DATABASE_OWNER_URL: string;
  REPORTS_DATABASE_URL: string;
  SUPABASE_URL: string;
  SUPABASE_SERVICE_ROLE_KEY: string;
  LEGACY_API_URL: string;
}

export interface Quickstart {
  env: QuickstartEnvironment;
  /** The legacy server alone, e.g. to see the product live without it. */
  legacy: SupabaseLite;
  stop(): Promise<void>;
}

const NEW_DATABASE = 'banyan_new';
const LEGACY_DATABASE = 'legacy';

/**
 * Starts the real stores of system E on this machine: one Postgres with the new database and the legacy one, and a
 * Supabase-compatible server on the latter, with sample data. Throws a QuickstartTrouble that says what to do.
 */
export async function startQuickstart(options: QuickstartOptions): Promise<Quickstart> {
  const folder = resolve(options.folder);
  options.log(
    'Starting an embedded Postgres as the new side, and a Supabase server with sample data as legacy.',
  );
  await openFolder(folder);
  const postgres = await startEmbeddedPostgres({
    folder: join(folder, 'postgres'),
    use: 'exclusive',
    log: options.log,
  });
  try {
    const accounts = await makeDatabases(postgres);
    const legacy = await startLegacy(postgres, options);
    return {
      env: environment(postgres, accounts, legacy),
      legacy: legacy.server,
      stop: async () => {
        await legacy.server.stop();
        await postgres.stop();
      },
    };
  } catch (error) {
    await postgres.stop();
    throw error;
  }
}

async function makeDatabases(postgres: EmbeddedPostgres): Promise<Accounts> {
  const login = async (user: string) => ({ user, password: await secret(postgres.folder, user) });
  const accounts: Accounts = {
    owner: await login('banyan_owner'),
    gateway: await login('banyan_gateway'),
    reports: await login('banyan_reports'),
  };
  await withClient(postgres.url('postgres'), async (client) => {
    await makeDatabase(client, NEW_DATABASE, accounts);
    const found = await client.query('SELECT FROM pg_database WHERE datname = $1', [LEGACY_DATABASE]);
    if (found.rowCount === 0) await client.query(`CREATE DATABASE ${LEGACY_DATABASE}`);
  });
  return accounts;
}

async function startLegacy(
  postgres: EmbeddedPostgres,
  options: QuickstartOptions,
): Promise<{ server: SupabaseLite; key: string }> {
  const databaseUrl = postgres.url(LEGACY_DATABASE);
  const key = `sb_secret_${await secret(postgres.folder, 'supabase')}`;
  const before = await rememberedPort(postgres.folder, 'supabase');
  // It asks for the port itself: one that was found free could be another's by then.
  const listen = async (port: number) => await startSupabaseLite({ databaseUrl, secretKey: key, port });
  const server = await listen(before ?? 0).catch(async (error: unknown) => {
    if (before === null || codeOf((error as Error).cause) !== 'EADDRINUSE') throw error;
    const elsewhere = await listen(0);
    options.log(`Port ${before} is taken; the legacy server listens on ${elsewhere.port} now.`);
    return elsewhere;
  });
  try {
    await rememberPort(postgres.folder, 'supabase', server.port);
    await loadSampleData(databaseUrl, { scale: options.scale, log: options.log });
    return { server, key };
  } catch (error) {
    await server.stop();
    throw error;
  }
}

function environment(
  postgres: EmbeddedPostgres,
  accounts: Accounts,
  legacy: { server: SupabaseLite; key: string },
): QuickstartEnvironment {
  return {
    DATABASE_URL: postgres.url(NEW_DATABASE, accounts.gateway),
    DATABASE_OWNER_URL: postgres.url(NEW_DATABASE, accounts.owner),
    REPORTS_DATABASE_URL: postgres.url(NEW_DATABASE, accounts.reports),
    SUPABASE_URL: legacy.server.url,
    SUPABASE_SERVICE_ROLE_KEY: legacy.key,
    LEGACY_API_URL: legacy.server.url,
  };
}

/** What to try once the gateway runs at `url`. */
export function welcome(url: string, env: QuickstartEnvironment): string {
  return `
Banyan runs at ${url}. The legacy Supabase is at ${env.SUPABASE_URL}; the new database is at ${withoutPassword(env.DATABASE_URL)}.

  curl '${url}/api/clients?limit=2'                                          a list, answered by legacy
  curl -X POST ${url}/api/clients -H 'content-type: application/json' \\
       -d '{"name": "Ada", "email": "ada@example.com", "tags": ["vip"]}'     a new record
  npx banyan switch clients dual-write                                       legacy decides, new follows
  npx banyan status                                                          where each resource is, and how far
  npx banyan why clients                                                     what the next step still needs
`;
}

function withoutPassword(url: string): string {
  const parsed = new URL(url);
  parsed.password = '';
  return parsed.href;
}

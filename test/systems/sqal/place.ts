import { join, resolve } from 'node:path';
import { fillLegacy, type SqalData } from '../../../examples/sqal/data.ts';
import { send, type Answer } from '../../harness/api.ts';
import { configOf, startGateway, type GatewayProcess, type TestConfig } from '../../harness/gateway.ts';
import { startIssuer, type TestIssuer } from '../../harness/issuer.ts';
import { createDatabase, ROOT, type Teardown, type TestDatabase } from '../../harness/postgres.ts';
import { until } from '../../harness/wait.ts';

export const FOLDER = resolve(ROOT, 'examples/sqal');

/** A client with a token. */
export interface Client {
  get(path: string): Promise<Answer>;
  post(path: string, body: unknown, headers?: Record<string, string>): Promise<Answer>;
  send(method: string, path: string, body?: unknown): Promise<Answer>;
}

/** Real stores around a gateway process on the example's own file, whose road is quick to walk. */
export interface Sqal {
  data: SqalData;
  legacy: TestDatabase;
  new: TestDatabase;
  issuer: TestIssuer;
  config: TestConfig;
  env: Record<string, string>;
  gateway: GatewayProcess;
  /** A client of the n-th organisation with these roles. */
  client(roles: string[], organisation?: number, claims?: object): Promise<Client>;
  /** Resolves when the journal is empty. */
  settled(): Promise<void>;
}

const QUICK: readonly (readonly [RegExp, string])[] = [
  [/\n    mode: legacy/g, '$&\n    guards: { shadowReads: 0, mismatches: 0, lag: 2s }'],
  [/schema: prisma\//, `schema: ${FOLDER}/prisma/`],
  [/: schemas\//g, `: ${FOLDER}/schemas/`],
];

export async function startSqal(
  t: Teardown,
  samples: number,
  env: Record<string, string> = {},
): Promise<Sqal> {
  const [legacy, fresh] = await Promise.all([createDatabase(t), createDatabase(t)]);
  const data = await fillLegacy(legacy.url, { samples });
  const issuer = await startIssuer(t);
  const config = await configOf(t, join(FOLDER, 'routes.config.yaml'), QUICK);
  const all = {
    LEGACY_DATABASE_URL: legacy.url,
    DATABASE_URL: fresh.accounts.gateway,
    DATABASE_OWNER_URL: fresh.accounts.owner,
    OIDC_ISSUER: issuer.url,
    ...env,
  };
  const gateway = await startGateway(t, { config, env: all });
  return {
    data,
    legacy,
    new: fresh,
    issuer,
    config,
    env: all,
    gateway,
    client: async (roles, organisation = 0, claims = {}) => {
      const token = await issuer.token(
        {
          sub: `${roles.join('-')}-${organisation}`,
          organisation: data.organisations[organisation]?.id,
          realm_access: { roles },
          ...claims,
        },
        { audience: 'sqal' },
      );
      return clientOf(gateway.url, token);
    },
    settled: async () =>
      void (await until(
        async () => (await fresh.query<{ n: string }>('SELECT count(*) AS n FROM banyan.mark'))[0]?.n === '0',
        { what: 'no mark is left' },
      )),
  };
}

export function clientOf(url: string, token: string): Client {
  const authorization = `Bearer ${token}`;
  return {
    get: async (path) => await send(url, 'GET', path, undefined, { authorization }),
    post: async (path, body, headers = {}) =>
      await send(url, 'POST', path, body, { authorization, ...headers }),
    send: async (method, path, body) => await send(url, method, path, body, { authorization }),
  };
}

import { send, type Answer } from '../harness/api.ts';
import { startGateway, testConfig, type GatewayProcess, type TestConfig } from '../harness/gateway.ts';
import { startIssuer, type TestIssuer } from '../harness/issuer.ts';
import type { Teardown } from '../harness/postgres.ts';
import { createTwoSides, type TwoSides } from '../harness/two-sides.ts';

/** Callers of system E, as an issuer knows them. */
export interface CallersPlace {
  sides: TwoSides;
  issuer: TestIssuer;
  config: TestConfig;
  gateway: GatewayProcess;
  /** A caller with such claims; `sub` and `org` for short. */
  as(claims: Record<string, unknown>): Promise<AskAs>;
}

/** One caller's requests. */
export type AskAs = (
  method: string,
  path: string,
  body?: unknown,
  headers?: Record<string, string>,
) => Promise<Answer>;

const AUTH = `
auth:
  issuer: \${OIDC_ISSUER}
  audience: banyan
  claims: { roles: [realm_access.roles, scope] }
`;

type Edit = readonly [RegExp, string];

/** A busy machine must not look like a store that fails. */
const PATIENT: readonly Edit[] = [
  [/timeout: [12]s\n    deadline: [36]s/g, 'timeout: 7s\n    deadline: 15s'],
  [/statementTimeout: 2s/, 'statementTimeout: 7s'],
];

/** `edits`: of system E's file. `operations`: YAML of further ones than its own, indented by two; null: none at all. */
export async function startCallers(
  t: Teardown,
  edits: readonly Edit[],
  operations: string | null = null,
  env: Record<string, string> = {},
): Promise<CallersPlace> {
  const [sides, issuer] = await Promise.all([createTwoSides(t), startIssuer(t)]);
  const config = await testConfig(t, [...PATIENT, ...edits, [/\n*$/, `\n${operations ?? ''}${AUTH}`]], {
    operations: operations !== null,
  });
  const all = { ...sides.env, ...env, OIDC_ISSUER: issuer.url };
  const gateway = await startGateway(t, { config, env: all });
  return {
    sides,
    issuer,
    config,
    gateway,
    as: async (claims) => {
      const token = await issuer.token(claims, { expiresIn: 3_600 });
      return async (method, path, body, headers) =>
        await send(gateway.url, method, path, body, { authorization: `Bearer ${token}`, ...headers });
    },
  };
}

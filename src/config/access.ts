import type { AuthSettings, KeySource, Roles } from '../domain/callers.ts';
import type {
  AccessSettings,
  CorsSettings,
  OperationSettings,
  OperationSide,
} from '../domain/configuration.ts';
import type { Side } from '../domain/words.ts';
import { DEFAULTS } from './defaults.ts';
import type { AuthInFile, ConfigFile, OperationInFile, ResourceInFile } from './file-shape.ts';
import { rateLimitSettings, resilienceSettings } from './resilience.ts';
import { fraction, milliseconds } from './units.ts';

/** Signatures that fit a source of keys. A key set may hold keys of any asymmetric kind; never a shared secret. */
const ASYMMETRIC = ['RS256', 'ES256', 'PS256', 'EdDSA'];
const ALGORITHMS: Readonly<Record<KeySource['from'], readonly string[]>> = {
  secret: ['HS256'],
  publicKey: ASYMMETRIC,
  jwks: ASYMMETRIC,
};

/** `auth`, with its defaults; null where the file has none. */
export function authSettings(given: AuthInFile | undefined): AuthSettings | null {
  if (!given) return null;
  const keys = keySource(given);
  const { clockTolerance, timeout, claims } = DEFAULTS.auth;
  return {
    keys,
    issuer: given.issuer ?? null,
    audience: given.audience ?? null,
    algorithms: [...(given.algorithms ?? ALGORITHMS[keys.from])],
    clockTolerance: milliseconds(given.clockTolerance ?? clockTolerance),
    timeout: milliseconds(given.timeout ?? timeout),
    claims: {
      subject: given.claims?.subject ?? claims.subject,
      roles: [...(given.claims?.roles ?? claims.roles)],
    },
  };
}

function keySource({ secret, publicKey, jwks }: AuthInFile): KeySource {
  if (secret !== undefined) return { from: 'secret', secret };
  // An environment file holds one line: the key's own lines are written as \n there.
  if (publicKey !== undefined) return { from: 'publicKey', pem: publicKey.replaceAll('\\n', '\n') };
  return { from: 'jwks', url: jwks ?? null };
}

/** What callers see and may do of a resource; roles that it does not name are those of `auth.roles`. */
export function accessSettings(resource: ResourceInFile, auth: AuthInFile | undefined): AccessSettings {
  const standard = DEFAULTS.resource;
  return {
    tenant: resource.tenant ? { ...resource.tenant } : null,
    stamp: { ...standard.stamp, ...resource.stamp },
    roles: rolesOf({ ...auth?.roles, ...resource.roles }),
    anonymous: [...(resource.anonymous ?? standard.anonymous)],
    audit: resource.audit ?? standard.audit,
  };
}

function rolesOf(roles: Roles): Roles {
  return Object.fromEntries(Object.entries(roles).map(([permission, names]) => [permission, [...names]]));
}

export function corsSettings(given: NonNullable<ConfigFile['server']>['cors']): CorsSettings | null {
  if (!given) return null;
  const { credentials, maxAge } = DEFAULTS.server.cors;
  return {
    origins: [...given.origins],
    credentials: given.credentials ?? credentials,
    maxAge: milliseconds(given.maxAge ?? maxAge),
  };
}

/** An operation's sides and who may run it. */
export function operationSettings(
  name: string,
  operation: OperationInFile,
  auth: AuthInFile | undefined,
  absolute: (path: string) => string,
): OperationSettings {
  const standard = DEFAULTS.operation;
  const { path, method } = operation;
  const safe = operation.safe ?? method === 'GET';
  const permission = safe ? 'read' : method === 'DELETE' ? 'delete' : 'write';
  const roles = operation.roles ?? auth?.roles?.[permission];
  const compare = { ...standard.compare, ...operation.compare };
  return {
    name,
    path,
    method,
    sides: {
      legacy: operationSide('legacy', operation, absolute),
      new: operationSide('new', operation, absolute),
    },
    resources: [...(operation.resources ?? [])],
    mode: operation.mode ?? null,
    safe,
    compare: { sample: fraction(compare.sample), ignore: [...compare.ignore] },
    envelope: operation.envelope ?? null,
    roles: roles ? [...roles] : null,
    anonymous: operation.anonymous ?? standard.anonymous,
    rateLimit: rateLimitSettings(operation.rateLimit),
  };
}

function operationSide(
  side: Side,
  operation: OperationInFile,
  absolute: (path: string) => string,
): OperationSide | null {
  const given = operation[side] ?? {};
  const { module = operation.module, upstream, timeout = DEFAULTS.operation[side].timeout } = given;
  if (upstream !== undefined)
    return { upstream, timeout: milliseconds(timeout), ...resilienceSettings(given) };
  return module === undefined ? null : { module: absolute(module) };
}

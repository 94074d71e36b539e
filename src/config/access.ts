import {
  NAMES_OF,
  PERMISSIONS,
  type AuthSettings,
  type KeySource,
  type NamedPermission,
  type NamedRoles,
  type Permission,
  type Roles,
} from '../domain/callers.ts';
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
    roles: rolesOf(resource.roles, auth?.roles),
    anonymous: permissionsOf(resource.anonymous ?? standard.anonymous),
    audit: resource.audit ?? standard.audit,
  };
}

/** Roles by permission, of the first place that names it. */
function rolesOf(...places: (NamedRoles | undefined)[]): Roles {
  const found = PERMISSIONS.flatMap((permission) => {
    const named = places.flatMap((roles) => NAMES_OF[permission].map((name) => roles?.[name]));
    const roles = named.find((names) => names !== undefined);
    return roles ? [[permission, [...roles]]] : [];
  });
  return Object.fromEntries(found) as Roles;
}

function permissionsOf(named: readonly NamedPermission[]): Permission[] {
  return PERMISSIONS.filter((permission) => NAMES_OF[permission].some((name) => named.includes(name)));
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

/** What an operation does that is not safe, as far as its method tells. */
const PERMISSION_OF: Readonly<Record<OperationInFile['method'], Permission>> = {
  GET: 'read',
  POST: 'create',
  PUT: 'update',
  PATCH: 'update',
  DELETE: 'delete',
};

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
  const roles = operation.roles ?? rolesOf(auth?.roles)[safe ? 'read' : PERMISSION_OF[method]];
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

/** Who asks, what he may do, and where his token says so. */

/** What a caller may do with the records of a route; which verb needs which is a table of gateway/access.ts. */
export type Permission = 'read' | 'create' | 'update' | 'delete';

/** A permission as a file names it: `write` is to create and to update, where neither is named by itself. */
export type NamedPermission = Permission | 'write';

export const PERMISSIONS = ['read', 'create', 'update', 'delete'] as const satisfies readonly Permission[];

/** The names of a permission, the most exact first. */
export const NAMES_OF: Readonly<Record<Permission, readonly NamedPermission[]>> = {
  read: ['read'],
  create: ['create', 'write'],
  update: ['update', 'write'],
  delete: ['delete'],
};

/** Roles (or scopes) that have a permission, by permission; one that is not named is everybody's with a token. */
export type Roles = Readonly<Partial<Record<Permission, readonly string[]>>>;

export type NamedRoles = Readonly<Partial<Record<NamedPermission, readonly string[]>>>;

/** The caller of one request. */
export interface Caller {
  /** The claim that names him, `sub` unless configured otherwise; null: his token has none, or he has no token. */
  readonly subject: string | null;
  /** Roles and scopes, from every configured claim. */
  readonly roles: readonly string[];
  /** All claims of a verified token; empty without one. */
  readonly claims: Readonly<Record<string, unknown>>;
  /** Whether there was a token. */
  readonly known: boolean;
}

/** A caller without a token. */
export const NOBODY: Caller = Object.freeze({ subject: null, roles: [], claims: {}, known: false });

/** Where the keys come from with which tokens are verified. */
export type KeySource =
  | { from: 'secret'; secret: string }
  | { from: 'publicKey'; pem: string }
  /** Key set (JWKS) at a URL; null: at the one that the issuer's discovery document names. */
  | { from: 'jwks'; url: string | null };

/** How tokens are read and what they must say. Durations are milliseconds. */
export interface AuthSettings {
  keys: KeySource;
  /** What `iss` must be; null: anything. */
  issuer: string | null;
  /** What `aud` must be or hold; null: anything. */
  audience: string | null;
  algorithms: readonly string[];
  /** How far the issuer's clock may be from this one. */
  clockTolerance: number;
  /** Longest time that a request to the issuer may take. */
  timeout: number;
  claims: ClaimPaths;
}

/** Paths into the claims, their parts joined by dots. */
export interface ClaimPaths {
  subject: string;
  /** Each leads to a list of names, or to a text of names with spaces between them, as `scope` is. */
  roles: readonly string[];
}

/**
 * The claim at a path; undefined where there is none. A name with dots in it, such as `https://example.com/tenant`, is
 * found whole before it is taken for a path.
 */
export function claimAt(claims: Readonly<Record<string, unknown>>, path: string): unknown {
  if (Object.hasOwn(claims, path)) return claims[path];
  let value: unknown = claims;
  for (const part of path.split('.')) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, part)) return undefined;
    value = (value as Record<string, unknown>)[part];
  }
  return value;
}

/** The caller that verified claims speak of. */
export function callerOf(claims: Readonly<Record<string, unknown>>, paths: ClaimPaths): Caller {
  const subject = claimAt(claims, paths.subject);
  return {
    subject: typeof subject === 'string' && subject !== '' ? subject : null,
    roles: [...new Set(paths.roles.flatMap((path) => namesIn(claimAt(claims, path))))],
    claims,
    known: true,
  };
}

function namesIn(claim: unknown): string[] {
  if (Array.isArray(claim)) return claim.filter((name): name is string => typeof name === 'string');
  return typeof claim === 'string' ? claim.split(' ').filter((name) => name !== '') : [];
}

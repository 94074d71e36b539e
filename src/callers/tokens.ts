import { createPublicKey, createSecretKey } from 'node:crypto';
import type { JWTVerifyGetKey, JWTVerifyResult } from 'jose';
import { callerOf, type AuthSettings, type Caller } from '../domain/callers.ts';
import { BanyanError } from '../domain/errors.ts';
import { discoverKeySet } from './discovery.ts';

/** Says who a token speaks of. Fails with token-invalid, or with issuer-unavailable where nobody can tell. */
export interface TokenVerifier {
  readonly settings: AuthSettings;
  verify(token: string): Promise<Caller>;
}

/**
 * A key set is kept for this long, and looked at again for a key that it lacks, but not more often than every `unknown`:
 * an issuer exchanges its keys without a word, and anybody can make up the name of a key. Milliseconds.
 */
const KEY_SET = { kept: 600_000, unknown: 2_000 } as const;

export function tokenVerifier(settings: AuthSettings): TokenVerifier {
  const check = checker(settings);
  return {
    settings,
    verify: async (token) => {
      try {
        return callerOf((await check(token)).payload, settings.claims);
      } catch (error) {
        throw await named(error);
      }
    },
  };
}

type Check = (token: string) => Promise<JWTVerifyResult>;

function checker(settings: AuthSettings): Check {
  const { keys } = settings;
  const demands = {
    algorithms: [...settings.algorithms],
    clockTolerance: settings.clockTolerance / 1_000,
    ...(settings.issuer === null ? {} : { issuer: settings.issuer }),
    ...(settings.audience === null ? {} : { audience: settings.audience }),
    // A token that never ends could not be taken back.
    requiredClaims: ['exp'],
  };
  if (keys.from === 'jwks') {
    const find = remoteKeys(settings, keys.url);
    return async (token) => await (await jose()).jwtVerify(token, find, demands);
  }
  const key = keys.from === 'secret' ? createSecretKey(Buffer.from(keys.secret)) : createPublicKey(keys.pem);
  return async (token) => await (await jose()).jwtVerify(token, key, demands);
}

/** Loaded with the first token: a gateway without `auth` starts without it. */
const jose = () => import('jose');

/** The key set's address is asked for when the first token comes, so that a gateway starts while its issuer is down. */
function remoteKeys({ issuer, timeout }: AuthSettings, url: string | null): JWTVerifyGetKey {
  let found: Promise<JWTVerifyGetKey> | null = null;
  const open = async () => {
    const address = url ?? (await discoverKeySet(issuer ?? '', timeout));
    const times = { cacheMaxAge: KEY_SET.kept, cooldownDuration: KEY_SET.unknown, timeoutDuration: timeout };
    return (await jose()).createRemoteJWKSet(new URL(address), times);
  };
  return async (header, token) => {
    found ??= open().catch((error: unknown) => {
      found = null;
      throw error;
    });
    return await (
      await found
    )(header, token);
  };
}

/** What is wrong with a token, by jose's code; every other failure is the issuer's. */
const FAULTS: Readonly<Record<string, string>> = {
  ERR_JWT_EXPIRED: 'the token has expired',
  ERR_JWT_CLAIM_VALIDATION_FAILED: 'a claim of the token is not as it must be',
  ERR_JWT_INVALID: 'the token is no JSON Web Token',
  ERR_JWS_INVALID: 'the token is no signed JSON Web Token',
  ERR_JWS_SIGNATURE_VERIFICATION_FAILED: 'the signature of the token does not fit',
  ERR_JOSE_ALG_NOT_ALLOWED: 'the token is signed in a way that is not taken here',
  ERR_JOSE_NOT_SUPPORTED: 'the token is signed in a way that is not taken here',
  ERR_JWKS_NO_MATCHING_KEY: 'the token is signed with a key that its issuer does not have',
  ERR_JWKS_MULTIPLE_MATCHING_KEYS: 'the token does not say with which key it is signed',
};

async function named(error: unknown): Promise<BanyanError> {
  if (error instanceof BanyanError) return error;
  const { errors } = await jose();
  const code = error instanceof errors.JOSEError ? error.code : '';
  const fault = FAULTS[code];
  if (fault === undefined) return new BanyanError('issuer-unavailable', undefined, { cause: error });
  const claim = error instanceof errors.JWTClaimValidationFailed ? `: "${error.claim}"` : '';
  return new BanyanError('token-invalid', fault + claim, { cause: error });
}

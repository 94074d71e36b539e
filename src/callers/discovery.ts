import { BanyanError } from '../domain/errors.ts';

/**
 * Address of an OIDC issuer's key set, from its discovery document (OpenID Connect Discovery 1.0, section 4). `timeout` in
 * milliseconds. Fails with issuer-unavailable.
 */
export async function discoverKeySet(issuer: string, timeout: number): Promise<string> {
  const address = `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
  const document = await read(address, timeout);
  const { issuer: named, jwks_uri: keySet } = document as { issuer?: unknown; jwks_uri?: unknown };
  if (named !== issuer)
    throw unavailable(
      'its discovery document names another issuer than auth.issuer; they must be the same text',
    );
  if (typeof keySet !== 'string' || !URL.canParse(keySet))
    throw unavailable('its discovery document has no jwks_uri');
  return keySet;
}

async function read(address: string, timeout: number): Promise<object> {
  try {
    const signal = AbortSignal.timeout(timeout);
    const response = await fetch(address, { signal, headers: { accept: 'application/json' } });
    if (!response.ok) throw new Error(`status ${response.status}`);
    const document: unknown = await response.json();
    return typeof document === 'object' && document !== null ? document : {};
  } catch (error) {
    throw unavailable('its discovery document cannot be read', error);
  }
}

function unavailable(reason: string, cause?: unknown): BanyanError {
  return new BanyanError('issuer-unavailable', `the issuer of tokens cannot be asked: ${reason}`, { cause });
}

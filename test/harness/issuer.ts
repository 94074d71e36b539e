import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, SignJWT, type CryptoKey, type JWK, type JWTPayload } from 'jose';
import type { Teardown } from './postgres.ts';

type Algorithm = 'RS256' | 'ES256';

export interface TokenOptions {
  algorithm?: Algorithm;
  /** Seconds from now; negative: it has expired. */
  expiresIn?: number;
  issuer?: string;
  audience?: string;
  /** Signed with a key that the issuer does not show. */
  forged?: boolean;
}

/** A small OIDC issuer: discovery and key set over HTTP, tokens with the claims that a test wants. */
export interface TestIssuer {
  url: string;
  token(claims: JWTPayload, options?: TokenOptions): Promise<string>;
  /** Exchanges all keys; tokens are signed with the new ones from now on. */
  rotate(): Promise<void>;
  /** Answers nothing but 500 until `up`. */
  down(): void;
  up(): void;
  /** Requests for the key set so far. */
  fetches(): number;
}

interface Key {
  kid: string;
  algorithm: Algorithm;
  privateKey: CryptoKey;
  jwk: JWK;
}

async function makeKeys(nextKid: () => string): Promise<Key[]> {
  return await Promise.all(
    (['RS256', 'ES256'] as const).map(async (algorithm) => {
      const { privateKey, publicKey } = await generateKeyPair(algorithm, { extractable: true });
      const kid = nextKid();
      const jwk = { ...(await exportJWK(publicKey)), kid, alg: algorithm, use: 'sig' };
      return { kid, algorithm, privateKey, jwk };
    }),
  );
}

/** Nobody's; made when the first token is forged, for making them takes a good part of a second. */
let strangers: Promise<Key[]> | undefined;

export async function startIssuer(t: Teardown): Promise<TestIssuer> {
  let made = 0;
  const nextKid = () => `key-${++made}`;
  let keys = await makeKeys(nextKid);
  let isDown = false;
  let fetches = 0;

  const server = createServer((request, response) => {
    const documents: Record<string, () => object> = {
      '/.well-known/openid-configuration': () => ({ issuer: url, jwks_uri: `${url}/keys` }),
      '/keys': () => {
        fetches += 1;
        return { keys: keys.map(({ jwk }) => jwk) };
      },
    };
    const document = isDown ? undefined : documents[request.url ?? ''];
    response.writeHead(isDown ? 500 : document ? 200 : 404, { 'content-type': 'application/json' });
    response.end(JSON.stringify(document?.() ?? {}));
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  t.teardown(() => void server.close().closeAllConnections());
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  return {
    url,
    async token(claims, options = {}) {
      const { algorithm = 'RS256', expiresIn = 600, issuer = url, audience = 'banyan', forged } = options;
      const all = forged ? await (strangers ??= makeKeys(() => 'stranger')) : keys;
      const { kid, privateKey } = all.find((key) => key.algorithm === algorithm) as Key;
      const shown = forged ? (keys.find((key) => key.algorithm === algorithm) as Key).kid : kid;
      return await new SignJWT(claims)
        .setProtectedHeader({ alg: algorithm, kid: shown })
        .setIssuer(issuer)
        .setAudience(audience)
        .setIssuedAt()
        .setExpirationTime(Math.floor(Date.now() / 1_000) + expiresIn)
        .sign(privateKey);
    },
    rotate: async () => void (keys = await makeKeys(nextKid)),
    down: () => (isDown = true),
    up: () => (isDown = false),
    fetches: () => fetches,
  };
}

import { exportSPKI, generateKeyPair, SignJWT } from 'jose';
import t from 'tap';
import { tokenVerifier } from '../../src/callers/tokens.ts';
import type { AuthSettings, KeySource } from '../../src/domain/callers.ts';
import { startIssuer } from '../harness/issuer.ts';
import { until } from '../harness/wait.ts';

const SECRET = 'a-secret-of-thirty-two-characters';

function settings(keys: KeySource, changes: Partial<AuthSettings> = {}): AuthSettings {
  return {
    keys,
    issuer: null,
    audience: 'banyan',
    algorithms: keys.from === 'secret' ? ['HS256'] : ['RS256', 'ES256'],
    clockTolerance: 5_000,
    timeout: 2_000,
    claims: { subject: 'sub', roles: ['realm_access.roles', 'scope'] },
    ...changes,
  };
}

const byIssuer = (issuer: string, changes: Partial<AuthSettings> = {}) =>
  tokenVerifier(settings({ from: 'jwks', url: null }, { issuer, ...changes }));

/** A token by the shared secret. */
async function secretToken(claims: Record<string, unknown>, secret = SECRET): Promise<string> {
  const token = new SignJWT(claims).setProtectedHeader({ alg: 'HS256' }).setAudience('banyan');
  return await token.setExpirationTime('5m').sign(Buffer.from(secret));
}

t.test('a token of an issuer says who asks, by keys that its discovery document leads to', async (t) => {
  const issuer = await startIssuer(t);
  const { verify } = byIssuer(issuer.url);
  for (const algorithm of ['RS256', 'ES256'] as const) {
    const claims = {
      sub: 'ada',
      realm_access: { roles: ['viewer', 'editor'] },
      scope: 'samples.read editor',
    };
    const caller = await verify(await issuer.token(claims, { algorithm }));
    t.equal(caller.subject, 'ada');
    t.same(caller.roles, ['viewer', 'editor', 'samples.read'], 'roles of both claims, each once');
    t.equal(caller.known, true);
  }
  t.equal(issuer.fetches(), 1, 'the key set is asked for once');
});

t.test('a token is refused with what is wrong with it, and none of its contents', async (t) => {
  const issuer = await startIssuer(t);
  const { verify } = byIssuer(issuer.url);
  const claims = { sub: 'private-name' };
  const refusals: [string, string, RegExp][] = [
    ['expired', await issuer.token(claims, { expiresIn: -60 }), /expired/],
    ['of another audience', await issuer.token(claims, { audience: 'other' }), /"aud"/],
    ['of another issuer', await issuer.token(claims, { issuer: 'https://other' }), /"iss"/],
    ['signed by somebody else', await issuer.token(claims, { forged: true }), /signature/],
    ['by a shared secret', await secretToken(claims), /way that is not taken/],
    ['no token at all', 'abc.def', /no (signed )?JSON Web Token/],
    [
      'changed',
      (await issuer.token(claims)).replace(/\.[^.]+\./, `.${Buffer.from('{}').toString('base64url')}.`),
      /signature/,
    ],
  ];
  for (const [name, token, message] of refusals) {
    const error = await verify(token).then(
      () => null,
      (reason: Error) => reason,
    );
    t.match(error, { code: 'token-invalid', message }, name);
    t.notMatch(error?.message ?? '', 'private-name', name);
  }
  await t.resolves(verify(await issuer.token(claims, { expiresIn: -2 })), 'clocks may differ a little');
});

t.test('a token without an end is refused: it could not be taken back', async (t) => {
  const { verify } = tokenVerifier(settings({ from: 'secret', secret: SECRET }));
  const endless = new SignJWT({ sub: 'ada' }).setProtectedHeader({ alg: 'HS256' }).setAudience('banyan');
  await t.rejects(endless.sign(Buffer.from(SECRET)).then(verify), {
    code: 'token-invalid',
    message: /"exp"/,
  });
});

t.test('keys that the issuer exchanges are found, and the old ones are not taken any more', async (t) => {
  const issuer = await startIssuer(t);
  const { verify } = byIssuer(issuer.url);
  const old = await issuer.token({ sub: 'ada' });
  await verify(old);
  await issuer.rotate();
  const fresh = await issuer.token({ sub: 'ada' });
  await until(async () => (await verify(fresh)).subject === 'ada', {
    what: 'the new key is known',
    every: 100,
  });
  await t.rejects(verify(old), { code: 'token-invalid' });
});

t.test('names of keys that nobody has do not make the gateway ask the issuer each time', async (t) => {
  const issuer = await startIssuer(t);
  const { verify } = byIssuer(issuer.url);
  await verify(await issuer.token({ sub: 'ada' }));
  const other = await startIssuer(t);
  await other.rotate();
  const stranger = await other.token({ sub: 'eve' }, { issuer: issuer.url });
  await Promise.all(Array.from({ length: 50 }, () => t.rejects(verify(stranger), { code: 'token-invalid' })));
  t.ok(issuer.fetches() <= 2, `${issuer.fetches()} requests for 50 unknown keys`);
});

t.test('while the issuer is away nobody can say who asks, and afterwards everybody can again', async (t) => {
  const issuer = await startIssuer(t);
  issuer.down();
  const { verify } = byIssuer(issuer.url);
  const token = await issuer.token({ sub: 'ada' });
  await t.rejects(verify(token), { code: 'issuer-unavailable' });
  issuer.up();
  t.equal((await verify(token)).subject, 'ada');
  issuer.down();
  t.equal((await verify(token)).subject, 'ada', 'keys that are known are enough');
});

t.test('an issuer that names itself otherwise than configured is none', async (t) => {
  const issuer = await startIssuer(t);
  const { verify } = byIssuer(`${issuer.url}/`);
  await t.rejects(verify(await issuer.token({ sub: 'ada' })), {
    code: 'issuer-unavailable',
    message: /another issuer/,
  });
});

t.test('a key set at an address of its own needs no discovery', async (t) => {
  const issuer = await startIssuer(t);
  const { verify } = tokenVerifier(settings({ from: 'jwks', url: `${issuer.url}/keys` }));
  t.equal((await verify(await issuer.token({ sub: 'ada' }))).subject, 'ada');
});

t.test('local keys: a shared secret, and a public key', async (t) => {
  const bySecret = tokenVerifier(settings({ from: 'secret', secret: SECRET }));
  t.equal((await bySecret.verify(await secretToken({ sub: 'ada' }))).subject, 'ada');
  const wrong = await secretToken({ sub: 'ada' }, `${SECRET}!`);
  await t.rejects(bySecret.verify(wrong), { code: 'token-invalid' });

  const { publicKey, privateKey } = await generateKeyPair('ES256', { extractable: true });
  const pem = await exportSPKI(publicKey);
  const byKey = tokenVerifier(settings({ from: 'publicKey', pem }));
  const token = await new SignJWT({ sub: 'ada' })
    .setProtectedHeader({ alg: 'ES256' })
    .setAudience('banyan')
    .setExpirationTime('5m')
    .sign(privateKey);
  t.equal((await byKey.verify(token)).subject, 'ada');
  // Whoever knows the public key could sign with it as if it were a shared secret.
  const confused = await secretToken({ sub: 'eve' }, pem);
  await t.rejects(byKey.verify(confused), { code: 'token-invalid' });
});

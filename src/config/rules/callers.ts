import { createPublicKey } from 'node:crypto';
import { type Finding, type Path, shown } from '../problem.ts';
import { type Draft, resourcesOf } from './rule.ts';

const LOCAL_AND_REMOTE = ['secret', 'publicKey', 'jwks'] as const;

/** Two sources of keys would leave open which of them a token must fit; none would let nobody in. */
export function* authHasOneKeySource({ config: { auth } }: Draft): Iterable<Finding> {
  if (!auth) return;
  const given = LOCAL_AND_REMOTE.filter((source) => Object.hasOwn(auth, source));
  const expected = 'one of secret, publicKey and jwks, or issuer alone';
  if (given.length > 1) {
    yield { path: ['auth', given[1] as string], at: 'key', found: given.join(' and '), expected };
  } else if (given.length === 0 && !Object.hasOwn(auth, 'issuer')) {
    yield { path: ['auth'], at: 'key', found: 'no source of keys', expected };
  }
}

export function* publicKeyIsOne({ config: { auth } }: Draft): Iterable<Finding> {
  if (auth?.publicKey === undefined) return;
  const pem = auth.publicKey.replaceAll('\\n', '\n');
  try {
    if (pem.includes('PRIVATE KEY')) throw new TypeError('a private key');
    createPublicKey(pem);
  } catch {
    const found = 'a text that is no public key (not shown)';
    yield { path: ['auth', 'publicKey'], at: 'value', found, expected: 'a public key in PEM' };
  }
}

/** With an HMAC algorithm beside a public key, whoever knows that key could sign. */
export function* algorithmsFitTheKeys({ config: { auth } }: Draft): Iterable<Finding> {
  const shared = auth?.secret !== undefined;
  for (const [index, algorithm] of (auth?.algorithms ?? []).entries()) {
    if (algorithm === undefined || algorithm.startsWith('HS') === shared) continue;
    yield {
      path: ['auth', 'algorithms', index],
      at: 'value',
      found: `${shown(algorithm)} with ${shared ? 'a shared secret' : 'public keys'}`,
      expected: shared ? 'HS256, HS384 or HS512' : 'a signature with a private key, such as RS256',
    };
  }
}

const NEED_CALLERS = ['tenant', 'stamp', 'roles', 'anonymous'] as const;

export function* accessNeedsAuth({ config }: Draft): Iterable<Finding> {
  if (config.auth) return;
  const named = [
    ...Object.entries(config.resources ?? {}).map(([name, of]) => ({ path: ['resources', name], of })),
    ...Object.entries(config.operations ?? {}).map(([name, of]) => ({ path: ['operations', name], of })),
  ];
  for (const { path, of } of named) {
    const setting = NEED_CALLERS.find((each) => of && Object.hasOwn(of, each));
    if (setting === undefined) continue;
    const expected = '"auth", which says how callers are known';
    yield { path: [...path, setting], at: 'key', found: `${setting} without auth`, expected };
  }
}

/** Types whose values every store compares alike. */
const TENANT_TYPES = ['String', 'Int', 'BigInt'];

export function* tenantsAreCertain(draft: Draft): Iterable<Finding> {
  for (const [name, { tenant, stamp, anonymous, new: next }] of resourcesOf(draft)) {
    const field = tenant?.field;
    if (field === undefined) continue;
    const at = (...rest: string[]): Path => ['resources', name, ...rest];
    if (anonymous && anonymous.length > 0)
      yield {
        path: at('anonymous'),
        at: 'key',
        found: 'anonymous beside tenant',
        expected: 'one of the two: without a token nobody has a tenant',
      };
    if (stamp && Object.hasOwn(stamp, field))
      yield {
        path: at('stamp', field),
        at: 'key',
        found: `${shown(field)}, which is the tenant's field`,
        expected: 'another field: "tenant" sets this one',
      };
    const models = next?.store === undefined ? null : draft.models(next.store);
    const model = next?.model === undefined ? undefined : models?.get(next.model);
    const outline = model?.get(field);
    if (!outline || (!outline.list && isTenantType(outline.type, models))) continue;
    yield {
      path: at('tenant', 'field'),
      at: 'value',
      found: `${shown(field)}, which is ${outline.list ? 'a list' : `of type ${outline.type}`}`,
      expected: 'a field of type String, Int or BigInt',
    };
  }
}

function isTenantType(type: string, models: ReadonlyMap<string, unknown> | null | undefined): boolean {
  // What is neither a scalar nor a model is an enum.
  const scalars = ['Boolean', 'Float', 'Decimal', 'DateTime', 'Json', 'Bytes', 'Unsupported'];
  return TENANT_TYPES.includes(type) || !(scalars.includes(type) || models?.has(type));
}

export function* credentialsNeedNamedOrigins({ config: { server } }: Draft): Iterable<Finding> {
  const index = server?.cors?.origins?.indexOf('*') ?? -1;
  if (index < 0 || !server?.cors?.credentials) return;
  yield {
    path: ['server', 'cors', 'origins', index],
    at: 'value',
    found: '"*" with credentials',
    expected: 'the origins by name: any page could act for whoever is signed in',
  };
}

import type { Finding } from '../problem.ts';
import { furtherUrls } from './stores.ts';
import { type Draft, storesOf } from './rule.ts';

const ONLY_VARIABLE = /^\$\{[A-Za-z_][A-Za-z0-9_]*(:-)?\}$/;
const SECRET_PARAMETER = /^(password|sslpassword|apikey|api_key|token|access_token|key|secret)$/i;

/** Secrets only by `${NAME}`: what stands in the file ends in the repository. Never shows what it found. */
export function* secretsAreVariables(draft: Draft): Iterable<Finding> {
  const { upstream } = draft.config;
  for (const [name, store] of storesOf(draft)) {
    const at = (setting: string) => ['stores', name, setting];
    if ('url' in store) yield* secretInUrl(at('url'), draft.written(at('url'), store.url));
    if (store.kind === 'http') yield* secretHeaders(draft, name, store.headers ?? {});
    if (store.kind === 'supabase') yield* secretKey(at('key'), draft.written(at('key'), store.key));
    if (store.kind !== 'prisma') continue;
    yield* secretInUrl(at('ownerUrl'), draft.written(at('ownerUrl'), store.ownerUrl));
    yield* secretInUrl(at('reportsUrl'), draft.written(at('reportsUrl'), store.reportsUrl));
  }
  yield* secretInUrl(['upstream'], draft.written(['upstream'], upstream));
  const redis = draft.config.server?.redis;
  yield* secretInUrl(['server', 'redis'], draft.written(['server', 'redis'], redis));
  yield* secretKey(['auth', 'secret'], draft.written(['auth', 'secret'], draft.config.auth?.secret));
  for (const { path, url } of furtherUrls(draft)) yield* secretInUrl(path, draft.written(path, url));
}

function* secretKey(path: string[], text: string): Iterable<Finding> {
  if (text === '' || ONLY_VARIABLE.test(text)) return;
  const found = text.includes('${')
    ? 'a key with letters around or a default in ${NAME}'
    : 'a key written in the file';
  yield { path, at: 'value', found, expected: '${NAME} alone: secrets come from the environment only' };
}

function* secretInUrl(path: string[], text: string): Iterable<Finding> {
  if (!holdsSecret(text)) return;
  const expected = '${NAME} in its place: secrets come from the environment only';
  yield { path, at: 'value', found: 'a URL with a password or key written in the file', expected };
}

const SECRET_HEADER = /authorization|cookie|key|token|secret/i;

function* secretHeaders(
  draft: Draft,
  store: string,
  headers: Readonly<Record<string, string | undefined>>,
): Iterable<Finding> {
  for (const [name, value] of Object.entries(headers)) {
    const path = ['stores', store, 'headers', name];
    const written = draft.written(path, value);
    if (!SECRET_HEADER.test(name) || /\$\{\w+\}/.test(written)) continue;
    const expected = 'its secret part as ${NAME}: secrets come from the environment only';
    yield { path, at: 'value', found: 'a header with a key written in the file', expected };
  }
}

/** Whether a URL, or the default of a `${NAME:-…}`, has a password or a secret parameter as plain text. */
function holdsSecret(text: string): boolean {
  const defaults = [...text.matchAll(/\$\{\w+:-([^}]*)\}/g)].map((match) => match[1] ?? '');
  // U+0001 stands for what the environment brings, so that the rest can be read as a URL.
  const candidates = [...defaults, text.replace(/\$\{[^}]*\}/g, '\u0001')];
  return candidates.some((candidate) => {
    const credentials = /^[a-z][a-z0-9+.-]*:\/\/[^/?#]*?:([^@/?#]*)@/i.exec(candidate)?.[1] ?? '';
    if (credentials.replaceAll('\u0001', '') !== '') return true;
    const query = new URLSearchParams(candidate.split('?')[1] ?? '');
    return [...query].some(
      ([name, value]) => SECRET_PARAMETER.test(name) && value.replaceAll('\u0001', '') !== '',
    );
  });
}

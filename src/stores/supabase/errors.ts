import { BanyanError, type ErrorCode } from '../../domain/errors.ts';
import { failure } from '../../postgres/errors.ts';
import { SILENT } from '../exchange.ts';

/** What was asked of the store when it failed: for messages, and to know whether doubt is left (A1, R2). */
export interface Asked {
  /** E.g. `store "erp-legacy", table "clients"`; never holds the URL or the key. */
  title: string;
  writes: boolean;
}

/** `lost` and `silent`: the answer did not arrive, so that after a write nobody knows (R2). */
type Kind = ErrorCode | 'lost' | 'silent';

/** PostgREST's own codes, or the beginning of one; the first that fits. All but the first say that nothing was changed. */
const POSTGREST: readonly [code: string, kind: Kind][] = [
  ['PGRST001', 'lost'], // its database hung up, maybe in the middle of the statement
  ['PGRST003', 'store-overloaded'], // its pool gave no connection in time
  ['PGRST0', 'store-unreachable'], // it has no connection to its database
  ['PGRST103', 'invalid-query'], // an offset beyond the end
  ['PGRST123', 'statistics-unavailable'], // its aggregates are off, as they are unless somebody wants them
  ['PGRST3', 'store-refused'], // the JWT
  ['PGRST', 'store-answer'],
];

/** An answer without a code is from something in front of PostgREST: a proxy, a load balancer, the wrong server. */
const STATUSES: Readonly<Record<number, Kind>> = {
  401: 'store-refused',
  403: 'store-refused',
  404: 'store-answer',
  408: 'silent',
  429: 'store-overloaded',
  504: 'silent',
};

const SAYS: Partial<Record<ErrorCode, string>> = {
  'store-unreachable': 'cannot be reached; nothing was changed',
  'store-timeout': 'did not answer in time; nothing was changed',
  'store-overloaded': 'has no capacity for the request; nothing was changed',
  'store-refused': 'refuses the gateway: check its key and the grants of its role',
  'store-answer': 'does not understand the request; compare the mapping with its tables',
  'statistics-unavailable':
    "makes no statistics while its aggregates are off. Its owner turns them on with: ALTER ROLE authenticator SET pgrst.db_aggregates_enabled = 'true'; NOTIFY pgrst, 'reload config';",
  'outcome-unknown': 'did not answer the write; it may or may not have been done',
};

/** The error for an answer of status 400 or more. */
export function answerFailure(status: number, body: string, asked: Asked): BanyanError {
  const problem = problemOf(body);
  if (!problem)
    return fail(STATUSES[status] ?? (status >= 500 ? 'lost' : 'store-answer'), `HTTP ${status}`, asked);
  const { code, message, details } = problem;
  const own = POSTGREST.find(([beginning]) => code.startsWith(beginning));
  if (own) return fail(own[1], `${code}: ${message}`, asked);
  // The rest are SQLSTATEs, which mean the same through PostgREST as on a connection of our own.
  const names = { constraint: quotedAfter('constraint', message), column: quotedAfter('column', message) };
  const thrown = { severity: 'ERROR', code, message, detail: details, ...names };
  const error = failure(thrown, { title: asked.title, role: 'store' }, asked.writes ? 'write' : 'read');
  return error.code === 'internal' ? fail('store-answer', `${code}: ${message}`, asked) : error;
}

function quotedAfter(word: string, message: string): string | undefined {
  return new RegExp(`${word} "([^"]+)"`).exec(message)?.[1];
}

/** The error for a request that had no answer. `sent` says whether a byte of it may have left this process. */
export function connectionFailure(cause: NodeJS.ErrnoException, sent: boolean, asked: Asked): BanyanError {
  const kind = !sent ? 'store-unreachable' : cause.code === SILENT ? 'silent' : 'lost';
  return fail(kind, cause.code ?? cause.name, asked, cause);
}

/** The error for an answer of status 200 that is not what was asked for. */
export function nonsense(found: string, asked: Asked, cause?: unknown): BanyanError {
  return fail(asked.writes ? 'lost' : 'store-answer', found, asked, cause);
}

export function overloaded(reason: string, asked: Asked): BanyanError {
  return fail('store-overloaded', reason, asked);
}

function fail(kind: Kind, found: string, asked: Asked, cause?: unknown): BanyanError {
  const doubt = kind === 'lost' || kind === 'silent';
  const unknown = doubt && asked.writes;
  const code = unknown
    ? 'outcome-unknown'
    : kind === 'lost'
      ? 'store-unreachable'
      : kind === 'silent'
        ? 'store-timeout'
        : kind;
  const says = SAYS[code] ?? 'refuses the request';
  return new BanyanError(code, `${asked.title} ${says} (${found})`, {
    outcome: unknown ? 'unknown' : 'not-applied',
    cause,
  });
}

function problemOf(body: string): { code: string; message: string; details?: string } | null {
  try {
    const problem = JSON.parse(body) as { code?: unknown; message?: unknown; details?: unknown } | null;
    if (typeof problem?.code !== 'string' || !/^(PGRST\w+|[0-9A-Z]{5})$/.test(problem.code)) return null;
    const details = typeof problem.details === 'string' ? problem.details : undefined;
    return { code: problem.code, message: String(problem.message), details };
  } catch {
    return null;
  }
}

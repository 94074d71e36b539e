import type { ApiFailure, ApiSettings } from '../../domain/configuration.ts';
import { valueAt } from '../../domain/documents.ts';
import { BanyanError, type ErrorCode } from '../../domain/errors.ts';
import { parseJson, type Value } from '../../domain/values.ts';
import { SILENT } from '../exchange.ts';

/** What was asked of the API when it failed: for messages, and to know whether doubt is left (A1, R2). */
export interface Asked {
  /** E.g. `store "shop-api", table "products"`; never holds the URL or a header. */
  title: string;
  writes: boolean;
  errors: ApiSettings['errors'];
}

/** `lost` and `silent`: the answer did not arrive, so that after a write nobody knows (R2). */
type Kind = ErrorCode | 'lost' | 'silent';

/** What a status means unless the API declares something else. Of others, 5xx leave doubt and the rest are not understood. */
const STATUSES: Readonly<Record<number, ApiFailure | 'silent'>> = {
  400: 'constraint-violated',
  401: 'store-refused',
  403: 'store-refused',
  408: 'silent',
  409: 'duplicate',
  412: 'write-conflict',
  422: 'constraint-violated',
  429: 'store-overloaded',
  504: 'silent',
};

const SAYS: Partial<Record<ErrorCode, string>> = {
  'store-unreachable': 'cannot be reached; nothing was changed',
  'store-timeout': 'did not answer in time; nothing was changed',
  'store-overloaded': 'has no capacity for the request; nothing was changed',
  'store-refused': 'refuses the gateway: check the headers in its settings',
  'store-answer': 'does not understand the request, or its answer is not what its settings say',
  'outcome-unknown': 'did not answer the write; it may or may not have been done',
};

/** The error for an answer of status 300 or more. */
export function answerFailure(status: number, body: string, asked: Asked): BanyanError {
  const declared = asked.errors.statuses[String(status)];
  const kind = declared ?? STATUSES[status] ?? (status >= 500 ? 'lost' : 'store-answer');
  const { message, field } = problemOf(body, asked.errors);
  return fail(kind, `HTTP ${status}${message === '' ? '' : `: ${message}`}`, asked, { field });
}

function problemOf(body: string, { message, field }: Asked['errors']): { message: string; field?: string } {
  try {
    const problem = parseJson(body);
    const text = at(problem, message);
    const name = at(problem, field);
    return {
      message: typeof text === 'string' ? text.slice(0, 300) : '',
      ...(typeof name === 'string' ? { field: name } : {}),
    };
  } catch {
    return { message: '' };
  }
}

/** The value at a path of an answer; an empty path is the whole of it. */
export function at(answer: Value, path: string): Value | undefined {
  return path === '' ? answer : valueAt(answer, path.split('.'));
}

/** The error for a request that had no answer. `sent` says whether a byte of it may have left this process. */
export function connectionFailure(cause: NodeJS.ErrnoException, sent: boolean, asked: Asked): BanyanError {
  const kind = !sent ? 'store-unreachable' : cause.code === SILENT ? 'silent' : 'lost';
  return fail(kind, cause.code ?? cause.name, asked, { cause });
}

/** The error for a success whose body is not what was asked for. */
export function nonsense(found: string, asked: Asked, cause?: unknown): BanyanError {
  return fail(asked.writes ? 'lost' : 'store-answer', found, asked, { cause });
}

export function overloaded(reason: string, asked: Asked): BanyanError {
  return fail('store-overloaded', reason, asked);
}

function fail(
  kind: Kind,
  found: string,
  asked: Asked,
  { cause, field }: { cause?: unknown; field?: string } = {},
): BanyanError {
  const doubt = kind === 'lost' || kind === 'silent';
  const unknown = doubt && asked.writes;
  const code = unknown ? 'outcome-unknown' : kind === 'lost' ? 'store-unreachable' : (ENDED[kind] ?? kind);
  return new BanyanError(
    code as ErrorCode,
    `${asked.title} ${SAYS[code as ErrorCode] ?? 'refuses the record'} (${found})`,
    {
      outcome: unknown ? 'unknown' : 'not-applied',
      cause,
      ...(field === undefined ? {} : { details: { field } }),
    },
  );
}

const ENDED: Readonly<Record<string, ErrorCode>> = { silent: 'store-timeout' };

import type { ApiFailure, ApiSettings } from '../../domain/configuration.ts';
import { valueAt } from '../../domain/documents.ts';
import { BanyanError, type ErrorCode } from '../../domain/errors.ts';
import { parseJson, type Value } from '../../domain/values.ts';
import { SILENT, type Answer } from '../exchange.ts';

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
export function answerFailure({ status, body, headers }: Answer, asked: Asked): BanyanError {
  const declared = asked.errors.statuses[String(status)];
  // What is led elsewhere after a write may have been done: to show it there is a custom of forms.
  const isDoubtful = status >= 500 || (asked.writes && status < 400);
  const kind = declared ?? STATUSES[status] ?? (isDoubtful ? 'lost' : 'store-answer');
  const { message, field } = problemOf(body, asked.errors);
  const wait = Number(headers['retry-after']);
  const retryAfter = Number.isInteger(wait) && wait > 0 ? wait : undefined;
  return fail(kind, `HTTP ${status}${message === '' ? '' : `: ${message}`}`, asked, { field, retryAfter });
}

function problemOf(body: string, errors: Asked['errors']): Problem {
  try {
    return problemIn(parseJson(body), errors);
  } catch {
    return { message: '' };
  }
}

interface Problem {
  message: string;
  field?: string;
}

/** What an answer has where the API says what is wrong; an empty message: nothing. */
export function problemIn(answer: Value, { message, field }: Asked['errors']): Problem {
  const text = at(answer, message);
  const name = at(answer, field);
  return {
    message: typeof text === 'string' ? text.slice(0, 300) : '',
    ...(typeof name === 'string' ? { field: name } : {}),
  };
}

/** The error for a write that was answered with a success, but for its body. */
export function refusedAll(status: number, body: Value, asked: Asked): BanyanError {
  const { message, field } = problemIn(body, asked.errors);
  const says = message === '' ? ', and nothing was done' : `: ${message}`;
  return fail('constraint-violated', `HTTP ${status}${says}`, asked, { field });
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
  { cause, field, retryAfter }: { cause?: unknown; field?: string; retryAfter?: number } = {},
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
      retryAfter,
      ...(field === undefined ? {} : { details: { field } }),
    },
  );
}

const ENDED: Readonly<Record<string, ErrorCode>> = { silent: 'store-timeout' };

import type { Value } from './values.ts';

/** What a failed write may have left behind in the store: nothing, or nobody knows. */
export type Outcome = 'not-applied' | 'unknown';

export interface ErrorEntry {
  /** HTTP status of the answer. */
  status: number;
  /** One sentence for the caller: what is wrong. */
  title: string;
  /** What an operator or caller can do about it. */
  remedy: string;
  /** Seconds after which trying again makes sense; sent as Retry-After. */
  retryAfter?: number;
  /** What a caller is asked for, sent as WWW-Authenticate (RFC 6750, section 3). */
  challenge?: string;
}

/** The error catalogue: every error that Banyan itself answers with. docs/errors.md is checked against it. */
export const ERRORS = {
  'invalid-json': {
    status: 400,
    title: 'The request body is not valid JSON.',
    remedy: 'Send one JSON object, UTF-8, with content-type application/json.',
  },
  'validation-failed': {
    status: 400,
    title: 'The record does not fit the resource.',
    remedy: 'Correct the fields named in details and send the request again.',
  },
  'invalid-query': {
    status: 400,
    title: 'The query of the list is not valid.',
    remedy: 'Use the filters, sort fields and page parameters that details name.',
  },
  'invalid-key': {
    status: 400,
    title: 'The id in the path is not of the form that this resource uses.',
    remedy: 'Use the id as it was given in an answer of this API.',
  },
  'message-invalid': {
    status: 400,
    title: 'The message does not fit the schema of this route.',
    remedy: 'Correct the fields named in details; the schema is in /openapi.json where that is served.',
  },
  'batch-invalid': {
    status: 400,
    title: 'The batch cannot be read.',
    remedy: 'Send a JSON array of records, or one record a line as application/x-ndjson.',
  },
  'batch-not-atomic': {
    status: 409,
    title: 'This resource cannot do a batch as a whole where it lives now.',
    remedy: 'Send the batch without atomic=true, and look at the answer of each record.',
  },
  'rate-limited': {
    status: 429,
    title: 'Too many requests.',
    remedy: 'Wait for as many seconds as Retry-After says.',
  },
  'token-missing': {
    status: 401,
    title: 'This route wants to know who asks.',
    remedy: 'Send a token of the configured issuer as "Authorization: Bearer …".',
    challenge: 'Bearer',
  },
  'token-invalid': {
    status: 401,
    title: 'The token is not taken.',
    remedy: 'Get a new token; the message says what is wrong with this one.',
    challenge: 'Bearer error="invalid_token"',
  },
  'not-permitted': {
    status: 403,
    title: 'The caller has no role that may do this.',
    remedy: 'Ask for one of the roles that details name; operators: see "roles" of the route.',
    challenge: 'Bearer error="insufficient_scope"',
  },
  'claim-missing': {
    status: 403,
    title: 'The token lacks a claim that this route needs, or the claim does not fit its field.',
    remedy:
      'Get a token with the claim that the message names; operators: see "tenant" and "stamp" of the route.',
    challenge: 'Bearer error="insufficient_scope"',
  },
  'other-tenant': {
    status: 403,
    title: 'The record names another tenant than the token.',
    remedy: "Leave the field out: it is set from the token. A record's tenant never changes.",
  },
  'issuer-unavailable': {
    status: 503,
    title: 'The issuer of tokens cannot be asked, so that nobody can say who the caller is.',
    remedy: 'Try again; operators: check auth.issuer and auth.jwks, and that the issuer answers.',
    retryAfter: 1,
  },
  'id-untranslatable': {
    status: 422,
    title: 'An id has no form on the other side.',
    remedy:
      'Use an id that was made by this API; operators: see "ids" of the resource in routes.config.yaml.',
  },
  'mapping-failed': {
    status: 502,
    title: 'A module that translates fields failed on a record.',
    remedy: 'Operators: correct the module of "fields.custom" that the message names, or the record.',
  },
  'not-found': {
    status: 404,
    title: 'There is no such record.',
    remedy: 'Check the id; the record may have been deleted.',
  },
  'no-route': {
    status: 404,
    title: 'No resource has this path, and no upstream is configured.',
    remedy: 'Name the resource in routes.config.yaml, or set "upstream".',
  },
  'not-forwardable': {
    status: 400,
    title: 'The request cannot be passed on to the legacy upstream.',
    remedy: 'Correct what the message names: the path, or a body where the method takes none.',
  },
  'read-only': {
    status: 405,
    title: 'This resource can only be read: its store has it as a view.',
    remedy: 'Write to the resources that the view is made of.',
  },
  'method-not-allowed': {
    status: 405,
    title: 'This path does not take this method.',
    remedy: 'Use one of the methods in the Allow header.',
  },
  duplicate: {
    status: 409,
    title: 'Another record already has this value.',
    remedy: 'Use another value for the field that details name.',
  },
  'reference-missing': {
    status: 409,
    title: 'A record that this one refers to does not exist, or is still referred to.',
    remedy: 'Create the missing record first, or delete the ones that refer to this one.',
  },
  'constraint-violated': {
    status: 422,
    title: 'The database refuses this record.',
    remedy: 'Correct the value that breaks the constraint named in details.',
  },
  'payload-too-large': {
    status: 413,
    title: 'The request body is too large.',
    remedy: 'Send less, or raise server.bodyLimit.',
  },
  'unsupported-media-type': {
    status: 415,
    title: 'This resource takes JSON only.',
    remedy: 'Send content-type application/json.',
  },
  'idempotency-key-invalid': {
    status: 400,
    title: 'The Idempotency-Key is not usable.',
    remedy: 'Send 1 to 255 visible ASCII characters, a new one for every operation.',
  },
  'idempotency-key-reused': {
    status: 422,
    title: 'This Idempotency-Key belongs to another request.',
    remedy: 'Use a new key for a new request; repeat the very same request to retry.',
  },
  'idempotency-in-progress': {
    status: 409,
    title: 'The first request with this Idempotency-Key is still under way.',
    remedy: 'Wait and repeat the request with the same key.',
    retryAfter: 1,
  },
  'store-unreachable': {
    status: 502,
    title: 'The store that holds this resource cannot be reached; nothing was changed.',
    remedy: 'Try again; operators: see "banyan status" and the log for the store\'s name.',
    retryAfter: 1,
  },
  'store-timeout': {
    status: 504,
    title: 'The store that holds this resource did not answer in time.',
    remedy: 'Try again.',
    retryAfter: 1,
  },
  'outcome-unknown': {
    status: 504,
    title: 'The store did not answer the write; it may or may not have been done.',
    remedy: 'Read the record before you repeat the write, or repeat it with the same Idempotency-Key.',
  },
  'store-overloaded': {
    status: 503,
    title: 'Too many requests wait for a connection to the store; nothing was changed.',
    remedy: 'Try again; operators: raise pool.max or pool.wait of the store.',
    retryAfter: 1,
  },
  'store-resting': {
    status: 503,
    title: 'The store has failed too often and is left alone for a moment; nothing was changed.',
    remedy: 'Try again later; operators: see the log for why it failed.',
    retryAfter: 1,
  },
  'store-refused': {
    status: 502,
    title: 'The store refuses the gateway.',
    remedy:
      'Operators: check the key or account of the store and its grants; "banyan check" names what is missing.',
  },
  'store-answer': {
    status: 502,
    title: 'The store answered with something that the gateway does not understand.',
    remedy: 'Operators: the log has the answer; "banyan check" compares the mapping with the tables.',
  },
  'collation-differs': {
    status: 502,
    title: 'A store sorts text in another order than its settings say.',
    remedy:
      'Operators: correct "collation" of the store that the message names; docs/mapping.md says how to find the right one.',
  },
  'collation-missing': {
    status: 503,
    title: 'The new database does not know the collation in which a store sorts text.',
    remedy:
      'Operators: install the locale where the new Postgres runs, then SELECT pg_import_system_collations(\'pg_catalog\'); or correct "collation" of the store.',
  },
  'store-full': {
    status: 507,
    title: 'The store has no room for the write; nothing was changed.',
    remedy: 'Try again later; operators: make room on the file system that the message names.',
  },
  'file-broken': {
    status: 502,
    title: 'The file that holds this resource is not what it should be; it is left as it is.',
    remedy: 'Operators: repair the file at the line and column that the message names.',
  },
  'too-many-records': {
    status: 422,
    title: 'The store would have to be read as a whole to answer this.',
    remedy:
      'Use the filters and sort fields that details name; operators: declare what the API can do, or raise maxRecords.',
  },
  'statistics-unavailable': {
    status: 501,
    title: 'The store that holds this resource cannot make these statistics.',
    remedy:
      'Ask for other fields; operators: do what the message names, or set "statisticsFromRows" of the route, so that records are read for them.',
  },
  'write-conflict': {
    status: 409,
    title: 'Another write to this record was under way.',
    remedy: 'Repeat the request.',
    retryAfter: 1,
  },
  'control-unavailable': {
    status: 503,
    title:
      'The control database cannot be reached, and a write could not be journalled; nothing was changed.',
    remedy: 'Try again; operators: bring the new Postgres back.',
    retryAfter: 1,
  },
  switching: {
    status: 503,
    title: 'The resource is being switched and the write was held for too long; nothing was changed.',
    remedy: 'Try again.',
    retryAfter: 1,
  },
  'not-ready': {
    status: 503,
    title: 'The gateway does not know yet where this resource lives.',
    remedy: 'Try again; operators: the control database must answer once after the start.',
    retryAfter: 1,
  },
  'too-slow-to-send': {
    status: 503,
    title: 'The gateway was paused before it could send the write; nothing was changed.',
    remedy: 'Try again.',
    retryAfter: 1,
  },
  'upstream-unreachable': {
    status: 502,
    title: 'The legacy upstream cannot be reached.',
    remedy: 'Try again; operators: check "upstream" in routes.config.yaml.',
    retryAfter: 1,
  },
  'upstream-timeout': {
    status: 504,
    title: 'The legacy upstream did not answer in time.',
    remedy: 'Try again.',
    retryAfter: 1,
  },
  'upstream-resting': {
    status: 503,
    title: 'The legacy upstream has failed too often and is left alone for a moment; nothing was passed on.',
    remedy: 'Try again later; operators: check "upstream" in routes.config.yaml.',
    retryAfter: 1,
  },
  'operation-closed': {
    status: 409,
    title: 'This operation is not available on the side where its resources live now.',
    remedy: 'Operators: give the operation a handler for that side.',
  },
  'service-failed': {
    status: 502,
    title: 'The service that runs this operation failed, or answered with something that is no JSON.',
    remedy: "Try again; operators: check the operation's upstream and the service's own log.",
    retryAfter: 1,
  },
  'config-invalid': {
    status: 500,
    title: 'The configuration is not valid; the one before stays in force.',
    remedy: 'Correct the lines named.',
  },
  'guard-refused': {
    status: 409,
    title: 'A guard refuses the switch.',
    remedy: '"banyan why RESOURCE" says what clears each guard.',
  },
  'switch-refused': {
    status: 409,
    title: 'The resource cannot be switched like this.',
    remedy: 'Use one of the steps that the message names.',
  },
  'unknown-resource': {
    status: 404,
    title: 'There is no such resource in routes.config.yaml.',
    remedy: 'Use one of the names that the message lists.',
  },
  'job-running': {
    status: 409,
    title: 'Another process is already doing this.',
    remedy: 'Wait for it; "banyan status" shows its progress.',
  },
  'migration-failed': {
    status: 500,
    title: 'The database could not be migrated.',
    remedy: 'The message names the migration; nothing after it was applied.',
  },
  internal: {
    status: 500,
    title: 'The gateway failed in a way that it has no name for.',
    remedy: 'Please report it with the request id; the log has the details.',
  },
} as const satisfies Record<string, ErrorEntry>;

export type ErrorCode = keyof typeof ERRORS;

/** The same in every copy of this file: an operator's module may have loaded one of its own. */
const BRAND: unique symbol = Symbol.for('banyan.error') as never;

/** An error of the catalogue. `message` says what is wrong, where, and what would be right; it holds no secret. */
export class BanyanError extends Error {
  readonly code: ErrorCode;
  /** Shown to the caller: field names, allowed values, guard names. */
  readonly details: Value | undefined;
  /** What a write that failed like this may have left in the store. */
  readonly outcome: Outcome;
  /** Seconds, where it is known better than the catalogue does. */
  readonly retryAfter: number | undefined;
  readonly [BRAND] = true;

  static override [Symbol.hasInstance](value: unknown): boolean {
    return typeof value === 'object' && value !== null && BRAND in value;
  }

  constructor(
    code: ErrorCode,
    message?: string,
    options: { details?: Value; outcome?: Outcome; retryAfter?: number; cause?: unknown } = {},
  ) {
    super(message ?? ERRORS[code].title, { cause: options.cause });
    this.name = 'BanyanError';
    this.code = code;
    this.details = options.details;
    this.outcome = options.outcome ?? 'not-applied';
    this.retryAfter = options.retryAfter;
  }

  get entry(): ErrorEntry {
    return ERRORS[this.code];
  }
}

export function isBanyanError(error: unknown, ...codes: ErrorCode[]): error is BanyanError {
  return error instanceof BanyanError && (codes.length === 0 || codes.includes(error.code));
}

/** Whether a store failed in a way that passes by itself: worth a retry later, not the record's fault. */
export function isPassing(error: unknown): boolean {
  return isBanyanError(
    error,
    'store-unreachable',
    'store-timeout',
    'outcome-unknown',
    'store-overloaded',
    'store-resting',
    'store-refused',
    'store-full',
    'file-broken',
    'write-conflict',
    'control-unavailable',
  );
}

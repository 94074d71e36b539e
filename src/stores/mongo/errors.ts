import {
  MongoBulkWriteError,
  MongoError,
  MongoInvalidArgumentError,
  MongoNetworkError,
  MongoNetworkTimeoutError,
  MongoServerError,
  MongoServerSelectionError,
  type WriteError,
} from 'mongodb';
import { BanyanError, type ErrorCode } from '../../domain/errors.ts';
import type { Value } from '../../domain/values.ts';

/** What was asked of the store when it failed: for messages, and to know whether doubt is left (A1, R2). */
export interface Asked {
  /** E.g. `store "shop-legacy", collection "orders"`; never holds the URL. */
  title: string;
  writes: boolean;
  /** Whether a command left this process; set while the request runs. */
  sent: boolean;
}

/** `lost` and `silent`: the answer did not arrive, so that after a write nobody knows (R2). */
type Kind = ErrorCode | 'lost' | 'silent';

/** Answers of the server by their code. Those that the driver has tried again already are `lost`. */
const CODES: Readonly<Record<number, Kind>> = {
  13: 'store-refused', // Unauthorized
  18: 'store-refused', // AuthenticationFailed
  8000: 'store-refused', // AtlasError, e.g. bad credentials
  50: 'silent', // MaxTimeMSExpired
  89: 'silent', // NetworkTimeout
  262: 'silent', // ExceededTimeLimit
  64: 'silent', // WriteConcernTimeout: the primary has it, a majority may not
  112: 'write-conflict',
  121: 'constraint-violated', // DocumentValidationFailure
  166: 'read-only', // CommandNotSupportedOnView
  14: 'constraint-violated', // TypeMismatch
  15: 'constraint-violated', // Overflow: nested too deep
  28: 'constraint-violated', // PathNotViable
  10334: 'constraint-violated', // BSONObjectTooLarge
  14031: 'store-full', // OutOfDiskSpace
  17280: 'constraint-violated', // KeyTooLong
  40400: 'constraint-violated', // $mergeObjects of what is no document
  6: 'lost', // HostUnreachable
  7: 'lost', // HostNotFound
  91: 'lost', // ShutdownInProgress
  134: 'lost', // ReadConcernMajorityNotAvailableYet
  189: 'lost', // PrimarySteppedDown
  9001: 'lost', // SocketException
  10058: 'lost', // LegacyNotPrimary
  10107: 'lost', // NotWritablePrimary
  11600: 'lost', // InterruptedAtShutdown
  11602: 'lost', // InterruptedDueToReplStateChange
  13435: 'lost', // NotPrimaryNoSecondaryOk
  13436: 'lost', // NotPrimaryOrSecondary
};
const DUPLICATE = new Set([11000, 11001, 12582]);

const SAYS: Partial<Record<ErrorCode, string>> = {
  'store-unreachable': 'cannot be reached; nothing was changed',
  'store-timeout': 'did not answer in time; nothing was changed',
  'store-overloaded': 'has no capacity for the request; nothing was changed',
  'store-full': 'has no room left; nothing was changed',
  'store-refused': 'refuses the gateway: check its account and the roles of it',
  'store-answer': 'does not understand the request',
  'outcome-unknown': 'did not answer the write; it may or may not have been done',
  'constraint-violated': 'refuses the record',
  'write-conflict': 'had another write of this record under way',
};

/** Why a request was given up. */
export class TimeOver extends Error {
  constructor(milliseconds: number) {
    super(`no answer within ${milliseconds} ms`);
  }
}

/** The BanyanError for whatever the driver throws. */
export function failure(error: unknown, asked: Asked): Error {
  if (error instanceof TimeOver) return fail('silent', error.message, asked, { cause: error });
  if (error instanceof BanyanError || !(error instanceof MongoError)) return unnamed(error as Error, asked);
  if (error instanceof MongoBulkWriteError) return bulkFailure(error, asked);
  if (error instanceof MongoServerError) return answerFailure(error, asked);
  return fail(connectionKind(error, asked), error.message, asked, { cause: error });
}

/** Errors of the socket reach us as they are; what is left is a mistake in the program. */
function unnamed(error: NodeJS.ErrnoException, asked: Asked): Error {
  if (error instanceof BanyanError || error.syscall === undefined) return error;
  return fail('lost', error.message, asked, { cause: error });
}

function connectionKind(error: MongoError, asked: Asked): Kind {
  if (error instanceof MongoInvalidArgumentError) return 'constraint-violated';
  if (error instanceof MongoServerSelectionError) return refusedWithin(error) ? 'store-refused' : 'lost';
  if (error instanceof MongoNetworkTimeoutError) return 'silent';
  if (error instanceof MongoNetworkError) return 'lost';
  return asked.sent ? 'lost' : 'store-answer';
}

/** Where no connection can be made because of the account, the selection of a server ends with that error inside. */
function refusedWithin({ cause }: Error): boolean {
  return cause instanceof MongoServerError && CODES[Number(cause.code)] === 'store-refused';
}

function answerFailure(error: MongoServerError, asked: Asked): BanyanError {
  const code = Number(error.code);
  if (DUPLICATE.has(code)) return duplicate(error, asked);
  const kind = CODES[code] ?? (error.hasErrorLabel('RetryableWriteError') ? 'lost' : 'store-answer');
  const details = code === 121 ? validationDetails(error.errInfo) : undefined;
  const certain = error.hasErrorLabel('NoWritesPerformed');
  return fail(kind, `${error.codeName ?? code}: ${error.errmsg ?? error.message}`, asked, {
    cause: error,
    details,
    certain,
  });
}

/** The documents of a batch that were refused, each by itself; throws what concerns the whole batch. */
export function refusals(error: unknown, asked: Asked): Map<number, BanyanError> {
  if (!(error instanceof MongoBulkWriteError)) throw error;
  const failed = [error.writeErrors].flat();
  if (failed.length === 0) throw error;
  return new Map(failed.map((one) => [one.index, writeFailure(one, asked)]));
}

/** The first write that failed; the others of its batch were done or not, each by itself, and may be repeated. */
function bulkFailure(error: MongoBulkWriteError, asked: Asked): BanyanError {
  const [first] = [error.writeErrors].flat();
  if (!first) return fail('silent', error.message, asked, { cause: error });
  return writeFailure(first, asked);
}

function writeFailure({ code, errmsg, err }: WriteError, asked: Asked): BanyanError {
  const raw = { ...err, code: Number(code), errmsg, message: errmsg };
  return answerFailure(new MongoServerError(raw), asked);
}

function duplicate(error: MongoServerError, asked: Asked): BanyanError {
  const keys = (error.keyPattern ?? {}) as Record<string, unknown>;
  const field = Object.keys(keys)[0] ?? /index: (?:.*\$)?(\S+?)_-?1/.exec(error.message)?.[1] ?? '_id';
  return new BanyanError('duplicate', `${asked.title} already has a document with this "${field}"`, {
    details: { field },
    cause: error,
  });
}

interface Rules {
  operatorName?: string;
  propertyName?: string;
  missingProperties?: string[];
  propertiesNotSatisfied?: { propertyName?: string }[];
  details?: Rules[];
  schemaRulesNotSatisfied?: Rules[];
}

/** The first property that the collection's validator names. */
function validationDetails(info: unknown): Value | undefined {
  const field = firstProperty((info as { details?: Rules } | undefined)?.details);
  return field === undefined ? undefined : { field };
}

function firstProperty(rules: Rules | undefined): string | undefined {
  if (!rules) return undefined;
  const named =
    rules.propertyName ?? rules.propertiesNotSatisfied?.[0]?.propertyName ?? rules.missingProperties?.[0];
  if (named !== undefined) return named;
  const parts = [
    ...(rules.schemaRulesNotSatisfied ?? []),
    ...(Array.isArray(rules.details) ? rules.details : []),
  ];
  for (const part of parts) {
    const found = firstProperty(part);
    if (found !== undefined) return found;
  }
  return undefined;
}

export function overloaded(asked: Asked): BanyanError {
  return fail('store-overloaded', 'no free slot within pool.wait', asked, {});
}

function fail(
  kind: Kind,
  found: string,
  asked: Asked,
  { cause, details, certain = false }: { cause?: unknown; details?: Value; certain?: boolean },
): BanyanError {
  const doubt = (kind === 'lost' || kind === 'silent') && asked.sent && !certain;
  const unknown = doubt && asked.writes;
  const code = unknown
    ? 'outcome-unknown'
    : kind === 'lost'
      ? 'store-unreachable'
      : kind === 'silent'
        ? 'store-timeout'
        : kind;
  return new BanyanError(code, `${asked.title} ${SAYS[code] ?? 'refuses the request'} (${found})`, {
    outcome: unknown ? 'unknown' : 'not-applied',
    details,
    cause,
  });
}

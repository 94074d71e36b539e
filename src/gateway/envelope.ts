import type { ResourceSettings } from '../domain/configuration.ts';
import { BanyanError, ERRORS, isBanyanError } from '../domain/errors.ts';
import type { PublicRecord, Value } from '../domain/values.ts';

export interface Pagination {
  limit: number;
  offset?: number;
  total?: number;
  /** Told where an estimate was asked for: whether the total is one. */
  totalIsEstimate?: boolean;
  nextCursor: string | null;
}

/** How answers are wrapped; the same in every mode (E2). One row per envelope of the configuration. */
export interface Envelope {
  record(record: PublicRecord): unknown;
  list(records: PublicRecord[], pagination: Pagination): unknown;
  error(error: PublicError): unknown;
}

export interface PublicError {
  code: string;
  message: string;
  details?: Value;
  requestId: string;
}

export const ENVELOPES: Readonly<Record<ResourceSettings['envelope'], Envelope>> = {
  'success-data': {
    record: (data) => ({ success: true, data }),
    list: (data, pagination) => ({ success: true, data, pagination }),
    error: (error) => ({ success: false, error }),
  },
  none: {
    record: (record) => record,
    list: (records) => records,
    error: (error) => ({ error }),
  },
};

/** What a client is told of any failure: never a stack, never an inner message that nobody has looked at. */
export function publicError(
  error: unknown,
  requestId: string,
): { status: number; error: PublicError; retryAfter: number | null; challenge: string | null } {
  const known = isBanyanError(error) ? error : new BanyanError('internal', undefined, { cause: error });
  const message = known.code === 'internal' ? ERRORS.internal.title : known.message;
  return {
    status: known.entry.status,
    retryAfter: known.retryAfter ?? known.entry.retryAfter ?? null,
    challenge: known.entry.challenge ?? null,
    error: {
      code: known.code,
      message,
      ...(known.details === undefined ? {} : { details: known.details }),
      requestId,
    },
  };
}

import type { RetrySettings } from '../domain/configuration.ts';
import { pauseAfter } from '../stores/policies.ts';

/** What may be asked twice. */
const READS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);

/** Codes of a connection that failed, or fell silent before an answer began. */
const NO_ANSWER: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  'UND_ERR_SOCKET',
  'UND_ERR_CONNECT_TIMEOUT',
  'UND_ERR_HEADERS_TIMEOUT',
]);

/** An attempt as @fastify/reply-from tells of it. */
export interface ForwardedAttempt {
  /** `body`: a stream, or an empty text where there is none. */
  req: { method?: string; body?: unknown };
  /** Null where there is an answer, of whatever status. */
  err: (Error & { code?: string }) | null;
  /** Attempts before this one. */
  attempt: number;
}

/** Asks an upstream again for what only reads, where no answer came. */
export class UpstreamRetry {
  /** Attempts after a first one. */
  retries = 0;

  /** Milliseconds until the request is passed on again; null: it is not. */
  pause(settings: RetrySettings | null, { req, err, attempt }: ForwardedAttempt): number | null {
    if (!settings || attempt >= settings.attempts) return null;
    if (!READS.has(req.method ?? '') || req.body || !NO_ANSWER.has(err?.code ?? '')) return null;
    this.retries += 1;
    // The library takes a pause of 0 for none.
    return Math.max(1, pauseAfter(attempt + 1, settings));
  }
}

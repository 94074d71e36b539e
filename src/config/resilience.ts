import type { BreakerSettings, RateLimitSettings, RetrySettings } from '../domain/configuration.ts';
import { DEFAULTS } from './defaults.ts';
import type { RateLimitInFile, ResilienceInFile } from './file-shape.ts';
import { milliseconds } from './units.ts';

/** What is done about the failures of a store or a service; null: nothing. */
export function resilienceSettings({ retry, breaker }: ResilienceInFile): {
  retry: RetrySettings | null;
  breaker: BreakerSettings | null;
} {
  return { retry: retrySettings(retry), breaker: breakerSettings(breaker) };
}

export function retrySettings(given: ResilienceInFile['retry']): RetrySettings | null {
  const { attempts, pause } = { ...DEFAULTS.store.retry, ...given };
  return given ? { attempts, pause: milliseconds(pause) } : null;
}

export function breakerSettings(given: ResilienceInFile['breaker']): BreakerSettings | null {
  const { failures, rest } = { ...DEFAULTS.store.breaker, ...given };
  return given ? { failures, rest: milliseconds(rest) } : null;
}

/** How many requests of one caller are taken; null: any number. */
export function rateLimitSettings(given: RateLimitInFile | undefined): RateLimitSettings | null {
  // The same for resources and operations.
  const { max, window, by } = { ...DEFAULTS.resource.rateLimit, ...given };
  return max === undefined ? null : { max, window: milliseconds(window), by: limitedBy(by) };
}

/** `ip`, or `claim:NAME`. */
function limitedBy(text: string): RateLimitSettings['by'] {
  return text === 'ip' ? text : { claim: text.slice('claim:'.length) };
}

import {
  circuitBreaker,
  type CircuitBreakerPolicy,
  CircuitState,
  ConsecutiveBreaker,
  ExponentialBackoff,
  type Policy,
  retry,
  type RetryPolicy,
} from 'cockatiel';
import type { BreakerSettings, RetrySettings } from '../domain/configuration.ts';
import type { BreakerState } from './figures.ts';

const LONGEST_PAUSE = 2_000;
const STATES: Readonly<Record<CircuitState, BreakerState>> = {
  [CircuitState.Closed]: 'closed',
  [CircuitState.Open]: 'open',
  [CircuitState.Isolated]: 'open',
  [CircuitState.HalfOpen]: 'half-open',
};

/** A breaker of these settings; `failures` says which errors count. */
export function breakerOf(failures: Policy, settings: BreakerSettings): CircuitBreakerPolicy {
  const breaker = new ConsecutiveBreaker(settings.failures);
  return circuitBreaker(failures, { halfOpenAfter: settings.rest, breaker });
}

export function stateOf(breaker: CircuitBreakerPolicy | null): BreakerState | null {
  return breaker && STATES[breaker.state];
}

/** Tries again by these settings; `passing` says after which errors. */
export function retryOf(passing: Policy, settings: RetrySettings): RetryPolicy {
  return retry(passing, { maxAttempts: settings.attempts, backoff: backoffOf(settings) });
}

/** Milliseconds to wait after so many attempts have failed, where the trying itself is somebody else's. */
export function pauseAfter(failed: number, settings: RetrySettings): number {
  let backoff = backoffOf(settings).next();
  for (let n = 1; n < failed; n += 1) backoff = backoff.next(undefined);
  return backoff.duration;
}

/** Decorrelated jitter: processes that failed together do not come back together. */
function backoffOf({ pause }: RetrySettings): ExponentialBackoff<unknown> {
  return new ExponentialBackoff({ initialDelay: pause, maxDelay: LONGEST_PAUSE });
}

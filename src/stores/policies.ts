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

/** Hears of a breaker once when it opens, with the reason, and once when it has closed. */
export type BreakerNotice = (event: { message: string; details: Record<string, unknown> }) => void;

/** A breaker of these settings; `failures` says which errors count, `title` whom it leaves alone. */
export function breakerOf(
  title: string,
  failures: Policy,
  settings: BreakerSettings,
  notice: BreakerNotice,
): CircuitBreakerPolicy {
  const counting = new ConsecutiveBreaker(settings.failures);
  const breaker = circuitBreaker(failures, { halfOpenAfter: settings.rest, breaker: counting });
  tell(title, breaker, settings, notice);
  return breaker;
}

function tell(
  title: string,
  breaker: CircuitBreakerPolicy,
  { failures, rest }: BreakerSettings,
  notice: BreakerNotice,
): void {
  let since: number | null = null;
  breaker.onBreak((failure) => {
    // A trial that fails opens it again: for whoever reads the log it has never been closed.
    if (since !== null) return;
    since = performance.now();
    const error: NodeJS.ErrnoException | null = 'error' in failure ? failure.error : null;
    const details = { breaker: 'open', failures, rest, code: error?.code, reason: error?.message };
    notice({
      message: `${title} failed ${failures} times in a row and is left alone, but for a trial every ${rest} ms`,
      details,
    });
  });
  breaker.onReset(() => {
    const open = Math.round(performance.now() - (since ?? performance.now()));
    since = null;
    notice({ message: `${title} answers again`, details: { breaker: 'closed', open } });
  });
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

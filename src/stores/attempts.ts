import { AsyncLocalStorage } from 'node:async_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import type { RetrySettings } from '../domain/configuration.ts';
import { isBanyanError } from '../domain/errors.ts';
import { pauseAfter } from './policies.ts';

/** Failures that may be over a moment later, and after which nothing was done. */
const PASSING = ['store-unreachable', 'store-timeout', 'store-overloaded'] as const;

/** Whether a read may be tried again. */
export function isPassingHere(error: unknown): boolean {
  return isBanyanError(error, ...PASSING);
}

/**
 * Whether a write may be sent again: after a definite answer, or none because nothing was sent (R2). One that gave way to
 * another (a deadlock, a transaction that could not be put in an order) was undone as a whole.
 */
export function wasNotDone(error: unknown): boolean {
  return isBanyanError(error, ...PASSING, 'write-conflict') && error.outcome === 'not-applied';
}

/** Attempts after a first one that the parts of one piece of work have had, all together. */
interface Budget {
  used: number;
}

const budgets = new AsyncLocalStorage<Budget>();

/**
 * Whatever is tried again in here, of any store, counts together against the store's settings: a write that first reads must
 * not be sent as often as the product of both. What goes on after the work has ended must not be begun in here.
 */
export async function onOneBudget<T>(work: () => Promise<T>): Promise<T> {
  return budgets.getStore() ? await work() : await budgets.run({ used: 0 }, work);
}

export interface Again {
  may: (error: unknown) => boolean;
  /** Asked before each attempt after the first. */
  inTime?: () => boolean;
  onAgain: () => void;
}

/** Works, and again after what `may` be tried again, as often as the settings allow. */
export async function again<T>(
  settings: RetrySettings,
  { may, inTime, onAgain }: Again,
  work: () => Promise<T>,
): Promise<T> {
  const budget = budgets.getStore() ?? { used: 0 };
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (budget.used >= settings.attempts || !may(error)) throw error;
      budget.used += 1;
      await sleep(pauseAfter(budget.used, settings));
      if (inTime && !inTime()) throw error;
      onAgain();
    }
  }
}

import { setTimeout as pause } from 'node:timers/promises';

/** Gaps between two looks; ms. */
const [FIRST, LAST] = [10, 40];
const GROWTH = 1.25;

/**
 * Waits until `condition` answers something truthy, and answers that. A condition that throws does not hold yet.
 * `timeout` (ms) is only the moment to give up: a test never depends on how long something takes. Without `every` it
 * looks more and more seldom, for looking costs what it waits for the processor.
 */
export async function until<T>(
  condition: () => T | Promise<T>,
  { what, timeout = 30_000, every }: { what: string; timeout?: number; every?: number },
): Promise<NonNullable<T>> {
  const end = Date.now() + timeout;
  let problem: unknown;
  let gap = every ?? FIRST;
  for (;;) {
    try {
      const answer = await condition();
      if (answer) return answer;
      problem = answer;
    } catch (error) {
      problem = error;
    }
    if (Date.now() > end) throw new Error(`Waited ${timeout} ms in vain until ${what}`, { cause: problem });
    await pause(gap);
    if (every === undefined) gap = Math.min(gap * GROWTH, LAST);
  }
}

import { BanyanError } from '../domain/errors.ts';
import type { RecordSide } from './resource.ts';

/** What the clocks of two machines may differ in rate over one deadline; ms. */
const DRIFT = 50;

/** R8: whether a request that is sent now lands within the deadline of what began at `begun`. */
export function landsInTime({ timing: { timeout, deadline } }: RecordSide, begun: number): boolean {
  return performance.now() + timeout + DRIFT <= begun + deadline;
}

/** Throws where a process was paused and might send when nobody waits for its write any more. */
export function refuseLate(side: RecordSide, begun: number): void {
  if (!landsInTime(side, begun)) throw new BanyanError('too-slow-to-send');
}

/**
 * A write of one side, and again where it certainly was not done, while it can land in time. Not for what is part of a
 * transaction: that is done again as a whole.
 */
export async function sendAgain<T>(side: RecordSide, begun: number, write: () => Promise<T>): Promise<T> {
  const { store } = side;
  return store.repeat ? await store.repeat(write, () => landsInTime(side, begun)) : await write();
}

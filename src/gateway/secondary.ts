import { setTimeout as sleep } from 'node:timers/promises';
import { otherSide, type Key, type Side } from '../domain/words.ts';
import { markedKeys } from '../state/journal.ts';
import type { ResourceRuntime } from './runtime.ts';

/** Between two looks at what somebody else's sync has done; ms. */
const LOOK = 20;

/**
 * `ack: both`: syncs what was written to `primary` now. A key that another pass is at, of this process's queue or of
 * another process, is waited for, as long as one request to the secondary may take.
 */
export async function waitForSecondary(
  { resource, syncer }: ResourceRuntime,
  primary: Side,
  keys: readonly Key[],
): Promise<'in-sync' | 'behind'> {
  const { database, name } = resource;
  const until = performance.now() + resource[otherSide(primary)].timing.timeout;
  let left = [...keys];
  try {
    for (;;) {
      const { synced, refused } = await syncer.syncNow(left);
      left = left.filter((key) => !synced.includes(key));
      // Without a mark there is nothing to be synced: whoever took the key has done it.
      const marked = left.length > 0 ? await markedKeys(database, name, left) : new Set<Key>();
      left = left.filter((key) => marked.has(key));
      if (left.length === 0) return 'in-sync';
      if (refused.length > 0 || performance.now() > until) return 'behind';
      await sleep(LOOK);
    }
  } catch {
    return 'behind';
  }
}

import { randomUUID } from 'node:crypto';
import { BanyanError, isBanyanError, isPassing } from '../domain/errors.ts';
import type { PublicRecord } from '../domain/values.ts';
import type { Key } from '../domain/words.ts';
import { reach } from '../observability/failpoints.ts';
import { clearFailures } from '../state/failures.ts';
import { clearableMarks, type Mark } from '../state/journal.ts';
import { settleLeases, takeLeases } from '../state/leases.ts';
import { deletedInNew, noteTwins } from '../state/moved.ts';
import { countSlots } from '../state/slots.ts';
import { NOTHING, oneByOne, present, type SyncResult } from './pull.ts';
import type { BoundResource } from './resource.ts';

/** What the clocks of two machines may differ in rate over one deadline, and the way from check to socket; ms. */
const MARGIN = 250;

/**
 * R3, R7a: brings legacy's state of some keys to the new side's. A lease per key, committed before any request, keeps a
 * stalled syncer from overwriting what a later one wrote; after an answer that never came it is left to run out.
 */
export async function push(resource: BoundResource, keys: readonly Key[]): Promise<SyncResult> {
  const { database, name } = resource;
  const { deadline } = resource.legacy.timing;
  const holder = randomUUID();
  const leasedAt = performance.now();
  // (1) take the keys
  const held = await takeLeases(database, { resource: name, keys, holder, duration: deadline });
  reach('sync.leased');
  if (held.length === 0) return NOTHING;
  // (2) choose the marks; marks of writes to the new side are finished at once
  const marks = await clearableMarks(database, name, held, []);
  // (3) read the primary
  const records = await resource.new.get(held);
  const pass = {
    resource,
    holder,
    marks,
    records,
    sendBefore: leasedAt + deadline - resource.legacy.timing.timeout - MARGIN,
  };
  return await send(pass, held);
}

interface Pass {
  resource: BoundResource;
  holder: string;
  marks: Mark[];
  records: Map<Key, PublicRecord>;
  /** On this process's monotonic clock: later than that a request might land after the lease is over. */
  sendBefore: number;
}

async function send(pass: Pass, keys: readonly Key[]): Promise<SyncResult> {
  const { resource, records } = pass;
  try {
    // M5: what new lacks is legacy's own, unless new has deleted it.
    const { database, name } = resource;
    const gone = await deletedInNew(
      database,
      name,
      keys.filter((key) => !records.has(key)),
    );
    // M7: from now on legacy may have them, so they are twins.
    const there = keys.filter((key) => records.has(key));
    await noteTwins(database, { resource: name, keys: there, holder: pass.holder });
    // (4) write the secondary; deletions first, they make room for unique values
    await inTime(pass, () => resource.legacy.removeMany([...gone]));
    await inTime(pass, () => resource.legacy.upsertMany(present(records, keys)));
  } catch (error) {
    return await notSent(pass, keys, error as Error);
  }
  reach('sync.sent');
  await settle(pass, keys, true);
  reach('sync.settled');
  return { ...NOTHING, synced: [...keys] };
}

/** R7a: looks at the lease before each sending. What certainly was not done is sent again: it is the same state again. */
async function inTime({ resource, sendBefore }: Pass, request: () => Promise<void>): Promise<void> {
  const { store } = resource.legacy;
  const mine = () => performance.now() <= sendBefore;
  const send = async () => {
    if (mine()) return await request();
    throw new BanyanError('too-slow-to-send', 'the lease was nearly over before the request could be sent');
  };
  await (store.repeat ? store.repeat(send, mine) : send());
}

async function notSent(pass: Pass, keys: readonly Key[], error: Error): Promise<SyncResult> {
  // Nobody knows what legacy holds now: the lease stays, and a later sync comes after it (R7a).
  if (isBanyanError(error) && error.outcome === 'unknown') throw error;
  if (isPassing(error) || isBanyanError(error, 'too-slow-to-send')) {
    await settle(pass, keys, false);
    throw error;
  }
  if (keys.length === 1) await settle(pass, keys, false);
  return await oneByOne(keys, error, async (key) => await send(pass, [key]), { ...pass, target: 'legacy' });
}

/** (5) deletes exactly the chosen marks of what was written, and gives the leases back. */
async function settle(
  { resource, holder, marks }: Pass,
  keys: readonly Key[],
  written: boolean,
): Promise<void> {
  const { database, name } = resource;
  const chosen = written ? marks.filter((mark) => keys.includes(mark.key)).map((mark) => mark.id) : [];
  // Before the marks go: a comparison that saw none on either side of this sync must see that it was there (R30).
  if (written) await countSlots(database, name, keys);
  await settleLeases(database, { resource: name, keys, holder }, chosen);
  if (written) await clearFailures(database, name, keys);
}

import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { BanyanError, isBanyanError, isPassing } from '../domain/errors.ts';
import type { PublicRecord } from '../domain/values.ts';
import type { Key } from '../domain/words.ts';
import { isForeign } from '../mapping/record-keys.ts';
import { reach } from '../observability/failpoints.ts';
import {
  finishBackfill,
  releaseBackfill,
  saveBackfill,
  takeBackfill,
  type BackfillProgress,
} from '../state/jobs.ts';
import { clearDeadLetters } from '../state/failures.ts';
import { backlog, markForRepair } from '../state/journal.ts';
import { holdLegacyPrimary } from '../state/resources.ts';
import { claimSlots, noteSlots, slotOf, takeOver, type SlotNote } from '../state/slots.ts';
import { pull, type RefusedKey, type SyncResult } from './pull.ts';
import { noteRefused } from './refused.ts';
import type { BoundResource } from './resource.ts';

export interface BackfillOptions {
  generation: number;
  /** Begins anew where it is done already. */
  again: boolean;
  /** Syncs what these records refer to, so that the new side takes them. */
  syncParents: (records: Iterable<PublicRecord>) => Promise<void>;
  onProgress?: (progress: BackfillProgress) => void;
  signal?: AbortSignal;
}

/**
 * R22: copies what legacy holds, and removes what only the new side holds, in key order, in chunks. It reads no journal
 * and clears no mark. It goes on from its checkpoint after any end, and may be done again at any time.
 *
 * Answers the progress at its end, or null when another process has the job. Memory is flat: two chunks.
 */
export async function backfill(
  resource: BoundResource,
  options: BackfillOptions,
): Promise<BackfillProgress | null> {
  const { database, name } = resource;
  const holder = randomUUID();
  const { generation, again } = options;
  const progress = await takeBackfill(database, { resource: name, generation, holder, again });
  if (!progress) return null;
  let chunks: ReadAhead | undefined;
  try {
    if (progress.lastKey === null) {
      progress.total = await resource.legacy.count();
      await clearDeadLetters(database, name, 'new');
    }
    options.onProgress?.(progress);
    chunks = new ReadAhead(resource, progress.lastKey);
    while (await copyChunk(resource, chunks, progress, options)) {
      if (options.signal?.aborted) throw jobStopped();
      if (!(await saveBackfill(database, holder, progress))) return null;
      reach('backfill.chunk');
      options.onProgress?.(progress);
      await giveWay(resource);
    }
    await finishBackfill(database, holder, name, generation);
    return { ...progress, status: 'done' };
  } catch (error) {
    const release = { resource: name, generation, note: (error as Error).message };
    await releaseBackfill(database, holder, release).catch(() => undefined);
    throw error;
  } finally {
    await chunks?.settled();
  }
}

export function jobStopped(): BanyanError {
  return new BanyanError('job-running', 'stopped; it goes on from its checkpoint');
}

/** Client writes come first: while their marks are older than the allowed lag, the copy waits. */
export async function giveWay(resource: BoundResource): Promise<void> {
  const { oldest, pending, marks } = await backlog(resource.database, resource.name);
  if (marks > pending && oldest !== null && oldest > resource.settings.guards.lag) await sleep(100);
}

/** A stretch of keys as it was read. */
interface Chunk {
  /** The resource's counters before the read. */
  note: SlotNote;
  records: Map<Key, PublicRecord>;
  /** Keys of the stretch that only the new side has. */
  surplus: Key[];
  /** The last key; null: the stretch goes to the end of both sides. */
  end: Key | null;
  /**
   * How far both sides are done with it: the last key that has a form on the new side. Legacy ids that have none there
   * have no place in its order.
   */
  settled: Key | null;
}

/**
 * Reads a chunk while the one before it is written: the legacy store and the new one work at the same time, which made
 * backfill about twice as fast. What this backfill itself counts up meanwhile is taken over into the note of the chunk
 * to come: that were writes of other keys, and any other count still makes its keys be read again.
 */
class ReadAhead {
  private readonly resource: BoundResource;
  private coming: Promise<Chunk>;
  private counted: SlotNote[] = [];

  constructor(resource: BoundResource, after: Key | null) {
    this.resource = resource;
    this.coming = this.begin(after, after);
  }

  /** The next chunk; begins to read the one after it. */
  async take(): Promise<Chunk> {
    const chunk = await this.coming;
    for (const counted of this.counted) takeOver(chunk.note, counted);
    this.counted = [];
    if (chunk.end !== null) this.coming = this.begin(chunk.end, chunk.settled);
    return chunk;
  }

  /** To be told of every count that this backfill has committed, with the counters as they were before. */
  count(counted: SlotNote): void {
    this.counted.push(counted);
  }

  /** Resolves when no read is under way. */
  async settled(): Promise<void> {
    await this.coming.catch(() => undefined);
  }

  private begin(after: Key | null, settled: Key | null): Promise<Chunk> {
    const chunk = readChunk(this.resource, after, settled);
    // A failure is met when the chunk is needed; until then it must not count as unhandled.
    chunk.catch(() => undefined);
    return chunk;
  }
}

async function readChunk(
  resource: BoundResource,
  after: Key | null,
  settledBefore: Key | null,
): Promise<Chunk> {
  const { database, name, settings } = resource;
  // R22: the counters of the whole resource, before the read: the chunk's keys are not known yet.
  const note = await noteSlots(database, name, null);
  reach('backfill.noted');
  const records = await resource.legacy.scan(after, settings.backfill.chunk);
  const byKey = new Map(records.map((record) => [resource.mapping.keyOf(record), record]));
  const end = [...byKey.keys()].at(-1) ?? null;
  const settled = [...byKey.keys()].findLast((key) => !isForeign(key)) ?? settledBefore;
  // A stretch of ids that the new side cannot have lies nowhere there.
  const nowhere = end !== null && settled === settledBefore;
  const surplus = nowhere
    ? []
    : await keysOnlyInNew(resource, settledBefore, end === null ? null : settled, byKey);
  reach('backfill.read');
  return { note, records: byKey, surplus, end, settled };
}

/** One chunk; false after the last one. Moves `progress` on. */
async function copyChunk(
  resource: BoundResource,
  chunks: ReadAhead,
  progress: BackfillProgress,
  options: BackfillOptions,
): Promise<boolean> {
  const chunk = await chunks.take();
  const left = await writeChunk(resource, chunk, chunks, options);
  await pullRest(resource, left, chunks, options);
  progress.setAside += await refusedOnes(resource, left.refused);
  if (chunk.end === null) return false;
  progress.lastKey = chunk.settled;
  progress.visited += chunk.records.size;
  // Rows that were created while it ran are visited too.
  progress.total = Math.max(progress.total, progress.visited);
  return true;
}

/** Keys after `after`, up to `end` (null: to the end), that the new side has and legacy had not. */
async function keysOnlyInNew(
  { new: next, mapping, settings }: BoundResource,
  after: Key | null,
  end: Key | null,
  inLegacy: ReadonlyMap<Key, unknown>,
): Promise<Key[]> {
  const surplus: Key[] = [];
  for (let from = after; ;) {
    const keys = await next.scanKeys(from, settings.backfill.chunk);
    const within = end === null ? keys : keys.filter((key) => mapping.compareKeys(key, end) <= 0);
    surplus.push(...within.filter((key) => !inLegacy.has(key)));
    if (keys.length === 0 || within.length < keys.length) return surplus;
    from = keys.at(-1) as Key;
  }
}

/** Writes the keys whose counters are as noted, in one transaction; answers what is left to be done key by key. */
async function writeChunk(
  resource: BoundResource,
  { note, records, surplus }: Chunk,
  chunks: ReadAhead,
  options: BackfillOptions,
): Promise<{ again: Key[]; refused: SyncResult['refused'] }> {
  const { database, name } = resource;
  const all = [...records.keys(), ...surplus];
  if (all.length === 0) return { again: [], refused: [] };
  const write = async () =>
    await database.transaction(async (sql) => {
      if (!(await holdLegacyPrimary(sql, name))) {
        throw new BanyanError(
          'switch-refused',
          `${name} is led by the new side; a backfill would write over it`,
        );
      }
      const slots = await claimSlots(sql, name, all, note);
      const claimed = (key: Key) => slots.has(slotOf(key));
      const target = resource.new.within(sql);
      await target.removeMany(surplus.filter(claimed));
      await target.upsertMany([...records].filter(([key]) => claimed(key)).map(([, record]) => record));
      return slots;
    });
  try {
    const slots = await write();
    chunks.count(new Map([...note].filter(([slot]) => slots.has(slot))));
    return { again: all.filter((key) => !slots.has(slotOf(key))), refused: [] };
  } catch (error) {
    if (isPassing(error) || isBanyanError(error, 'switch-refused')) throw error;
    // Some record of the chunk is refused: parents first, then one by one.
    await options.syncParents(records.values());
    return { again: all, refused: [] };
  }
}

/** Syncs the rest by itself, again and again until none is left; those that the new side refuses are collected. */
async function pullRest(
  resource: BoundResource,
  left: { again: Key[]; refused: SyncResult['refused'] },
  chunks: ReadAhead,
  options: BackfillOptions,
): Promise<void> {
  while (left.again.length > 0) {
    const batch = left.again.splice(0, 100);
    const result = await pull(resource, batch, [], (counted) => chunks.count(counted));
    if (result.turned) throw new BanyanError('switch-refused', `${resource.name} is led by the new side now`);
    left.again.push(...result.again);
    left.refused.push(...result.refused);
    if (options.signal?.aborted) throw jobStopped();
  }
}

/**
 * Keeps what was refused with the reason; nothing is dropped silently. It is marked, so that it is tried again: what stood
 * in its way may be gone once everything is copied.
 */
async function refusedOnes(resource: BoundResource, refused: readonly RefusedKey[]): Promise<number> {
  const again: Key[] = [];
  for (const one of refused) {
    const fate = await noteRefused(resource, one, 'backfill');
    if ('retryIn' in fate) again.push(one.key);
  }
  if (again.length > 0) await markForRepair(resource.database, resource.name, again);
  return refused.length;
}

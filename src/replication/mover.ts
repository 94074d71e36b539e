import { randomUUID } from 'node:crypto';
import { BanyanError, isPassing } from '../domain/errors.ts';
import type { Sql } from '../domain/sql.ts';
import { stringifyJson, type PublicRecord } from '../domain/values.ts';
import type { Key } from '../domain/words.ts';
import { reach } from '../observability/failpoints.ts';
import {
  finishBackfill,
  readBackfill,
  releaseBackfill,
  saveBackfill,
  takeBackfill,
  type BackfillProgress,
} from '../state/jobs.ts';
import { clearDeadLetters, clearFailures, setAside } from '../state/failures.ts';
import { notePassed } from '../state/moved.ts';
import { giveWay, jobStopped, type BackfillOptions } from './backfill.ts';
import { moveKeys, moveWithin } from './move.ts';
import type { SyncResult } from './pull.ts';
import type { BoundResource } from './resource.ts';

/** Whom a checkpoint is saved for; null: a pass over what was done before, which saves none. */
type Holder = string | null;

/**
 * The backfill of `merged` (M3): moves every record of legacy that new has not taken over, in key order, in chunks. It can
 * be stopped and goes on from its checkpoint; done again it looks at everything once more, and moves what new refused
 * before. A chunk and its checkpoint are one transaction, so that totals are exact at any moment (legacy-share.ts).
 *
 * Answers the progress at its end, or null when another process has the job. Memory is flat: two chunks.
 */
export async function moveAll(
  resource: BoundResource,
  options: BackfillOptions,
): Promise<BackfillProgress | null> {
  const { database, name } = resource;
  const { generation, again } = options;
  const before = await readBackfill(database, name, generation);
  if (before?.status === 'done') return again ? await pass(resource, anew(before), null, options) : null;
  const holder = randomUUID();
  const progress = await takeBackfill(database, { resource: name, generation, holder, again: false });
  if (!progress) return null;
  try {
    if (progress.lastKey === null) {
      progress.total = await resource.legacy.count();
      await clearDeadLetters(database, name, 'new');
    }
    const done = await pass(resource, progress, holder, options);
    if (done) await finishBackfill(database, holder, name, generation);
    return done && { ...done, status: 'done' };
  } catch (error) {
    const release = { resource: name, generation, note: (error as Error).message };
    await releaseBackfill(database, holder, release).catch(() => undefined);
    throw error;
  }
}

function anew(progress: BackfillProgress): BackfillProgress {
  return { ...progress, lastKey: null, visited: 0, setAside: 0 };
}

async function pass(
  resource: BoundResource,
  progress: BackfillProgress,
  holder: Holder,
  options: BackfillOptions,
): Promise<BackfillProgress | null> {
  const size = resource.settings.backfill.chunk;
  // The next chunk is read while this one is written; legacy does not change here, so nothing gets old (M3).
  const read = (after: Key | null) => {
    const chunk = resource.legacy.scan(after, size);
    chunk.catch(() => undefined);
    return chunk;
  };
  options.onProgress?.(progress);
  for (let coming = read(progress.lastKey); ;) {
    const chunk = await coming;
    const last = chunk.at(-1);
    if (!last) return progress;
    const end = resource.mapping.keyOf(last);
    coming = read(end);
    const records = new Map(chunk.map((record) => [resource.mapping.keyOf(record), record]));
    if (!(await moveChunk(resource, records, end, { progress, holder, options }))) return null;
    reach('backfill.chunk');
    options.onProgress?.(progress);
    if (options.signal?.aborted) throw jobStopped();
    await giveWay(resource);
  }
}

interface Pass {
  progress: BackfillProgress;
  holder: Holder;
  options: BackfillOptions;
}

/** One chunk; moves `progress` on. False: another process has the job. */
async function moveChunk(
  resource: BoundResource,
  records: ReadonlyMap<Key, PublicRecord>,
  end: Key,
  { progress, holder, options }: Pass,
): Promise<boolean> {
  const { generation } = options;
  const keys = [...records.keys()];
  const close = async (refused: SyncResult['refused'], moved: ReadonlyMap<Key, PublicRecord>) => {
    const next = {
      ...progress,
      lastKey: end,
      visited: progress.visited + keys.length,
      setAside: progress.setAside + refused.length,
    };
    next.total = Math.max(next.total, next.visited);
    await resource.database.transaction(async (sql) => {
      if (!(await moveWithin(sql, resource, moved, generation, { passed: true }))) throw turned(resource);
      await notePassed(sql, { resource: resource.name, generation }, keys);
      await noteFates(sql, resource, keys, refused);
      reach('move.before-commit');
      // Another process has the job: without the checkpoint the chunk would be counted on both sides.
      if (holder !== null && !(await saveBackfill(sql, holder, next))) throw new LostJob();
    });
    Object.assign(progress, next);
  };
  reach('move.read');
  try {
    await close([], records);
    return true;
  } catch (error) {
    if (error instanceof LostJob) return false;
    if (isPassing(error) || !isRefusal(error)) throw error;
    // Some record of the chunk is refused: parents first, then one by one, then the checkpoint.
    await options.syncParents(records.values());
    const { refused } = await moveKeys(resource, keys, generation);
    return await close(refused, new Map()).then(
      () => true,
      (failed: unknown) => {
        if (failed instanceof LostJob) return false;
        throw failed;
      },
    );
  }
}

/** Undoes the chunk's transaction: the job belongs to another process. */
class LostJob extends Error {}

/** Keeps what new refuses with the reason, nothing is dropped silently; forgets what it takes now. */
async function noteFates(
  sql: Sql,
  { name }: BoundResource,
  keys: readonly Key[],
  refused: SyncResult['refused'],
): Promise<void> {
  await clearFailures(sql, name, keys);
  for (const { key, error, record } of refused) {
    const code = error instanceof BanyanError ? error.code : 'internal';
    const text = record ? stringifyJson(record) : null;
    await setAside(sql, { resource: name, key, code, reason: error.message, record: text });
  }
}

/** What new says of a record, as opposed to what ends the job. */
function isRefusal(error: unknown): boolean {
  return error instanceof BanyanError && error.code !== 'switch-refused' && error.code !== 'internal';
}

function turned({ name }: BoundResource): BanyanError {
  return new BanyanError('switch-refused', `${name} is in another mode now; nothing moves there`);
}

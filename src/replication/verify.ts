import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { BanyanError } from '../domain/errors.ts';
import type { PublicRecord } from '../domain/values.ts';
import type { Key } from '../domain/words.ts';
import { beginVerify, saveVerify, type VerifyRun } from '../state/jobs.ts';
import { recordDifferences, settle, type Difference } from '../state/ledger.ts';
import { compareSides, judge } from './compare.ts';
import type { BoundResource, RecordSide } from './resource.ts';

export interface VerifyOptions {
  generation: number;
  onProgress?: (run: VerifyRun) => void;
  signal?: AbortSignal;
}

/** Rows of one read. Up to four pages are held at a time; larger ones took more memory and were not faster. */
const PAGE = 500;
const RECHECK = 100;
/** How often, and after which pause (ms), a key that is in motion is looked at again. */
const TRIES = 60;
const PAUSE = 50;

/**
 * Compares everything: both sides are streamed in key order and merged; each difference is looked at again until the
 * key is at rest (R30), so that writes under way are no false alarms. What differs goes to the ledger, by field; what
 * was there before and is equal now is settled. Memory is flat: one page a side and one batch of candidates.
 *
 * Answers the finished run, or null when another process runs one.
 */
export async function verify(resource: BoundResource, options: VerifyOptions): Promise<VerifyRun | null> {
  const { database, name } = resource;
  const run = await beginVerify(database, {
    resource: name,
    generation: options.generation,
    holder: randomUUID(),
  });
  if (!run) return null;
  try {
    run.total = (await resource.legacy.count()) + (await resource.new.count());
    await compareAll(resource, run, options);
    run.status = 'done';
    await saveVerify(database, run);
    if (run.unsettled === 0) await settle(database, name, { notSeenBy: run.id }, `verify ${run.id}`);
    return run;
  } catch (error) {
    await saveVerify(database, { ...run, status: 'abandoned', note: (error as Error).message }).catch(
      () => undefined,
    );
    throw error;
  }
}

async function compareAll(resource: BoundResource, run: VerifyRun, options: VerifyOptions): Promise<void> {
  const candidates: Key[] = [];
  let nextSave = PAGE;
  for await (const { key, legacy, next } of mergeSides(resource)) {
    if (legacy) run.legacyRows += 1;
    if (next) run.newRows += 1;
    if (judge(resource, key, legacy, next) !== 'equal') candidates.push(key);
    if (candidates.length >= RECHECK) await recheck(resource, run, candidates.splice(0), options);
    if (run.legacyRows + run.newRows >= nextSave) {
      nextSave += 2 * PAGE;
      await saveVerify(resource.database, run);
      options.onProgress?.(run);
    }
    if (options.signal?.aborted) throw new BanyanError('job-running', 'verify was stopped');
  }
  await recheck(resource, run, candidates, options);
  options.onProgress?.(run);
}

/** Looks again at keys that seemed to differ until each has a verdict; the rest is counted as unsettled. */
async function recheck(
  resource: BoundResource,
  run: VerifyRun,
  keys: Key[],
  options: VerifyOptions,
): Promise<void> {
  let left = keys;
  for (let attempt = 0; left.length > 0 && attempt < TRIES; attempt += 1) {
    if (attempt > 0) await sleep(PAUSE);
    const verdicts = await compareSides(resource, left);
    const differences = [...verdicts.values()].filter(
      (verdict): verdict is Difference => typeof verdict === 'object',
    );
    await recordDifferences(resource.database, resource.name, differences, { name: 'verify', runId: run.id });
    run.differences += differences.length;
    left = left.filter((key) => verdicts.get(key) === 'in-motion');
    if (left.length > 0) await saveVerify(resource.database, run);
    if (options.signal?.aborted) return;
  }
  run.unsettled += left.length;
}

/** Both sides as one stream in key order; a key that one side lacks comes with that side undefined. */
async function* mergeSides(
  resource: BoundResource,
): AsyncGenerator<{ key: Key; legacy: PublicRecord | undefined; next: PublicRecord | undefined }> {
  const { mapping } = resource;
  const left = new KeyStream(resource.legacy, (record) => mapping.keyOf(record));
  const right = new KeyStream(resource.new, (record) => mapping.keyOf(record));
  for (;;) {
    const [a, b] = [left.buffered() ?? (await left.peek()), right.buffered() ?? (await right.peek())];
    if (!a && !b) return;
    const order = !a ? 1 : !b ? -1 : mapping.compareKeys(a.key, b.key);
    if (order <= 0) left.advance();
    if (order >= 0) right.advance();
    const key = (order <= 0 ? a : b)?.key as Key;
    yield { key, legacy: order <= 0 ? a?.record : undefined, next: order >= 0 ? b?.record : undefined };
  }
}

/** One side, page by page. The next page is asked for while the present one is compared. */
class KeyStream {
  private readonly side: RecordSide;
  private readonly keyOf: (record: PublicRecord) => Key;
  private page: { key: Key; record: PublicRecord }[] = [];
  private at = 0;
  private coming: Promise<PublicRecord[]>;

  constructor(side: RecordSide, keyOf: (record: PublicRecord) => Key) {
    this.side = side;
    this.keyOf = keyOf;
    this.coming = this.fetch(null);
  }

  buffered(): { key: Key; record: PublicRecord } | undefined {
    return this.page[this.at];
  }

  async peek(): Promise<{ key: Key; record: PublicRecord } | undefined> {
    if (this.at >= this.page.length) {
      this.page = (await this.coming).map((record) => ({ key: this.keyOf(record), record }));
      this.at = 0;
      const last = this.page.at(-1);
      if (last) this.coming = this.fetch(last.key);
    }
    return this.page[this.at];
  }

  advance(): void {
    this.at += 1;
  }

  private fetch(after: Key | null): Promise<PublicRecord[]> {
    const page = this.side.scan(after, PAGE);
    // A failure is met when the page is needed; until then it must not count as unhandled.
    page.catch(() => undefined);
    return page;
  }
}

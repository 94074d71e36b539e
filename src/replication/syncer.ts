import { isBanyanError, isPassing } from '../domain/errors.ts';
import { MODES, syncsNow } from '../domain/modes.ts';
import type { PublicRecord } from '../domain/values.ts';
import type { Key, ResourceName, ResourceState, Side } from '../domain/words.ts';
import type { Mapping } from '../mapping/mapping.ts';
import { referredIds } from '../mapping/references.ts';
import type { Log } from '../observability/log.ts';
import { dueKeys, orphanedMarks } from '../state/journal.ts';
import { dropExpiredLeases } from '../state/leases.ts';
import { KeyQueue } from './key-queue.ts';
import { findOrphans } from './orphans.ts';
import { moveKeys } from './move.ts';
import { pull, type RefusedKey, type SyncResult } from './pull.ts';
import { push } from './push.ts';
import { noteRefused } from './refused.ts';
import { drawsKeys, type BoundResource } from './resource.ts';

/** How often the journal is looked at for marks that nobody of this process works on; by what the mode is doing; ms. */
export const SWEEP_INTERVAL = { moving: 50, following: 250, resting: 2_000 } as const;
/** After a pass that failed for a passing reason; ms. */
const PAUSE = { first: 100, longest: 2_000 } as const;
/**
 * Keys of one pass, at the most. After a pass that failed: a share of them, then slowly more. A store that takes longer
 * for so many than its timeout would else be asked for the same again and again, and never come to an end.
 */
const BATCH = 100;
const FEWER = 0.25;
const MORE = 5;

/** Records of one resource that are synced together because they refer to each other, at the most. */
const FAMILY = 1_000;

/** What a search for missing parents has been at: records that refer to each other must not send it in circles. */
class SeenKeys {
  private readonly seen = new Set<string>();

  /** Those of the keys that were not seen before; now they are. */
  fresh(resource: ResourceName, keys: Iterable<Key>): Key[] {
    const fresh = [...new Set(keys)].filter((key) => !this.seen.has(`${resource} ${key}`));
    for (const key of fresh) this.seen.add(`${resource} ${key}`);
    return fresh;
  }
}

/** Keys of the records that these refer to by some fields: one id, a list of ids, or none. */
function referredKeys(records: Iterable<PublicRecord>, fields: readonly string[], parent: Mapping): Key[] {
  return [...records]
    .flatMap((record) => referredIds(record, fields))
    .map((id) => parent.ids.ofId(id))
    .filter((key) => key !== '');
}

export interface SyncerOptions {
  resource: BoundResource;
  /** The resource's state as this process knows it. */
  state: () => ResourceState | undefined;
  /** The syncer of another resource of this process, for parents. */
  syncerOf: (resource: ResourceName) => Syncer | undefined;
  log: Log;
}

/**
 * Works off a resource's journal: the marks of this process's own writes as soon as they are answered, everybody's due
 * marks at intervals. Any number of processes do so at the same time (R3).
 */
export class Syncer {
  private readonly options: SyncerOptions;
  private readonly queue: KeyQueue;
  /** Marks that this process wrote and whose write it knows to be answered: clearable before their deadline (R2). */
  private readonly own = new Map<Key, Set<string>>();
  private timer: NodeJS.Timeout | undefined;
  private pause = 0;
  private batch = BATCH;
  private closed = false;

  constructor(options: SyncerOptions) {
    this.options = options;
    this.queue = new KeyQueue({
      batch: () => this.batch,
      parallel: 2,
      work: async (keys) => await this.work(keys),
    });
  }

  /** Begins to look at the journal at intervals. */
  start(): void {
    this.plan(0);
  }

  /** Finishes what is under way and stops; answered marks that are left are worked off by others after their deadline. */
  async close(): Promise<void> {
    this.closed = true;
    clearTimeout(this.timer);
    await this.queue.stop();
  }

  /** A write of this process to legacy has its answer: its marks may be cleared by a sync that begins now. */
  answered(marks: readonly { id: string; key: Key }[]): void {
    for (const { id, key } of marks) {
      const ids = this.own.get(key) ?? new Set();
      this.own.set(key, ids.add(id));
    }
    this.queue.add(marks.map(({ key }) => key));
  }

  /** Keys of the journal that are due now, e.g. because a write to the new side has just been committed. */
  wake(keys: readonly Key[]): void {
    this.queue.add(keys);
  }

  /** Looks at the whole journal now instead of at the next interval. */
  sweepSoon(): void {
    if (!this.closed) this.plan(0);
  }

  /** One pass over some keys right now, for callers that wait for the secondary. */
  async syncNow(keys: readonly Key[], seen: SeenKeys = new SeenKeys()): Promise<SyncResult> {
    return await this.pass(keys, seen);
  }

  /** Syncs the records that these refer to, so that the other side accepts them. What was `seen` is not begun again. */
  async syncParents(records: Iterable<PublicRecord>, seen: SeenKeys = new SeenKeys()): Promise<void> {
    const children = [...records];
    for (const reference of this.options.resource.references) {
      const parent = this.options.syncerOf(reference.resource);
      if (!parent) continue;
      const keys = seen.fresh(reference.resource, referredKeys(children, reference.fields, parent.mapping));
      if (keys.length > 0) await parent.supply(keys, seen, this.options.state()?.primary ?? 'legacy');
    }
  }

  /** For records of another resource that refer to these and are written on a side. */
  private async supply(keys: readonly Key[], seen: SeenKeys, side: Side): Promise<void> {
    const now = this.options.state();
    const moves = now && MODES[now.mode].backfill === 'move';
    if (moves) await this.bring(keys, now, seen);
    if (!moves || side === 'legacy') await this.syncNow(keys, seen);
  }

  get mapping(): Mapping {
    return this.options.resource.mapping;
  }

  private plan(delay: number): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.sweep(), delay);
    this.timer.unref();
  }

  private interval(): number {
    const state = this.options.state();
    if (!state || !MODES[state.mode].marks) return SWEEP_INTERVAL.resting;
    if (state.stage !== 'open' || state.returning) return SWEEP_INTERVAL.moving;
    return MODES[state.mode].syncs ? SWEEP_INTERVAL.following : SWEEP_INTERVAL.resting;
  }

  private async sweep(): Promise<void> {
    const { resource, state, log } = this.options;
    const now = state();
    try {
      if (now && syncsNow(now)) {
        this.queue.add(await dueKeys(resource.database, resource.name, 5 * BATCH));
        if (now.primary === 'new') await dropExpiredLeases(resource.database, resource.name);
        else if (resource.mapping.keyFromSequence || drawsKeys(resource.legacy)) await this.sweepOrphans();
      }
    } catch (error) {
      log.debug(
        { resource: resource.name, error: (error as Error).message },
        'the journal could not be read',
      );
    }
    if (!this.closed) this.plan(Math.max(this.interval(), this.pause));
  }

  private async sweepOrphans(): Promise<void> {
    const { resource } = this.options;
    const marks = await orphanedMarks(resource.database, resource.name);
    if (marks.length > 0) await findOrphans(resource, marks);
  }

  private async work(keys: Key[]): Promise<void> {
    const { resource, log } = this.options;
    try {
      const result = await this.pass(keys, new SeenKeys());
      this.pause = 0;
      this.batch = Math.min(BATCH, this.batch + MORE);
      this.queue.add(result.again);
      for (const refused of result.refused) await this.refuse(refused);
    } catch (error) {
      this.pause = Math.min(PAUSE.longest, this.pause * 2 || PAUSE.first);
      this.batch = Math.max(1, Math.floor(keys.length * FEWER));
      const details = { resource: resource.name, keys: keys.length, error: (error as Error).message };
      log[isPassing(error) ? 'debug' : 'warn'](details, 'a sync failed and will be tried again');
      this.later(keys);
    }
  }

  /** Own marks are nobody else's until their deadline, so their keys are kept; others come again with a sweep. */
  private later(keys: readonly Key[]): void {
    const mine = keys.filter((key) => this.own.has(key));
    if (mine.length === 0 || this.closed) return;
    setTimeout(() => this.queue.add(mine), this.pause).unref();
  }

  private async pass(keys: readonly Key[], seen: SeenKeys): Promise<SyncResult> {
    const { resource, state } = this.options;
    const primary = state()?.primary ?? 'legacy';
    if (primary === 'new') return await push(resource, keys);
    const own = new Map(keys.map((key) => [key, [...(this.own.get(key) ?? [])]]));
    const result = await this.withParents(await pull(resource, keys, [...own.values()].flat()), seen);
    for (const key of result.synced) this.forget(key, own.get(key) ?? []);
    return result;
  }

  /** Moves records to new, their parents first where new wants them. */
  private async bring(keys: readonly Key[], { generation }: ResourceState, seen: SeenKeys): Promise<void> {
    const { resource } = this.options;
    const orphans = withoutParents(await moveKeys(resource, keys, generation));
    if (orphans.length === 0 || resource.references.length === 0) return;
    const family = await this.ancestors(orphans);
    await this.syncParents(family.records, seen);
    await moveKeys(resource, family.keys, generation);
  }

  /** A record whose parent the other side lacks: the parent first, then once more. */
  private async withParents(result: SyncResult, seen: SeenKeys): Promise<SyncResult> {
    const { resource } = this.options;
    const orphans = withoutParents(result);
    if (orphans.length === 0 || resource.references.length === 0) return result;
    const family = await this.ancestors(orphans);
    await this.syncParents(family.records, seen);
    const own = family.keys.flatMap((key) => [...(this.own.get(key) ?? [])]);
    const second = await pull(resource, family.keys, own);
    return {
      ...second,
      synced: [...result.synced, ...second.synced],
      again: [...result.again, ...second.again],
      refused: [...result.refused.filter(({ key }) => !orphans.includes(key)), ...second.refused],
    };
  }

  /**
   * Records with those of the same resource that they refer to, and so on upwards; the farthest first. They are written
   * in one statement, so that two records which refer to each other are possible.
   */
  private async ancestors(keys: readonly Key[]): Promise<{ keys: Key[]; records: PublicRecord[] }> {
    const { resource } = this.options;
    const own = resource.references.filter((reference) => reference.resource === resource.name);
    const records = new Map<Key, PublicRecord>();
    for (let level = [...keys]; level.length > 0 && records.size < FAMILY;) {
      const found = await resource.legacy.get(level);
      for (const [key, record] of found) records.set(key, record);
      const above = own.flatMap(({ fields }) => referredKeys(found.values(), fields, resource.mapping));
      level = [...new Set(above)].filter((key) => !records.has(key));
    }
    const upwards = [...records].reverse();
    return {
      keys: [...new Set([...upwards.map(([key]) => key), ...keys])],
      records: upwards.map(([, record]) => record),
    };
  }

  private forget(key: Key, ids: readonly string[]): void {
    const left = this.own.get(key);
    for (const id of ids) left?.delete(id);
    if (left?.size === 0) this.own.delete(key);
  }

  private async refuse(refused: RefusedKey): Promise<void> {
    const { resource, log } = this.options;
    const { key, error, marks } = refused;
    const fate = await noteRefused(resource, refused, 'sync');
    const details = {
      resource: resource.name,
      key,
      code: isBanyanError(error) ? error.code : 'internal',
      error: error.message,
    };
    if ('dead' in fate) {
      this.forget(key, marks);
      log.warn(details, 'the other side refuses a record; it is a dead letter now');
      return;
    }
    log.warn(details, 'the other side refuses a record; it backs off');
    // The mark stays; this process may clear it before its deadline, so it is the one that tries again.
    setTimeout(() => this.queue.add([key]), fate.retryIn).unref();
  }
}

/** The keys of records that were refused because what they refer to is missing. */
function withoutParents({ refused }: SyncResult): Key[] {
  return refused.filter(({ error }) => isBanyanError(error, 'reference-missing')).map(({ key }) => key);
}

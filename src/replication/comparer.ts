import { setTimeout as sleep } from 'node:timers/promises';
import { MODES } from '../domain/modes.ts';
import { sameValue, type PublicRecord } from '../domain/values.ts';
import type { ListQuery } from '../domain/query.ts';
import type { Key, ResourceState } from '../domain/words.ts';
import type { Log } from '../observability/log.ts';
import { addComparisons, NO_COMPARISONS, type Comparisons } from '../state/comparisons.ts';
import { backlog } from '../state/journal.ts';
import { recordDifferences, type Difference } from '../state/ledger.ts';
import { noteSlots } from '../state/slots.ts';
import { compareSides } from './compare.ts';
import type { BoundResource } from './resource.ts';

/** Keys that may wait for their comparison; beyond it reads go uncompared, and that is counted. */
const QUEUE = 2_000;
const BATCH = 100;
/**
 * Reads of this long are compared together; ms. Each time costs a request to both sides, which clients may meet: at 100
 * reads a second these are 2 requests a second; with 50 ms they would be 16.
 */
const GATHER = 500;
/** Lists that wait for their comparison. */
const LISTS = 20;

/**
 * Compares what clients read with the other side, after they have their answer: the client never waits for it. What it
 * finds goes to the ledger and to the counts that the guard of `live` reads.
 */
export class Comparer {
  private readonly resource: BoundResource;
  private readonly state: () => ResourceState | undefined;
  private readonly log: Log;
  private readonly keys = new Set<Key>();
  private readonly lists: ListQuery[] = [];
  private counts: Comparisons = { ...NO_COMPARISONS };
  private running: Promise<void> | null = null;
  private readonly closing = new AbortController();

  constructor(resource: BoundResource, state: () => ResourceState | undefined, log: Log) {
    this.resource = resource;
    this.state = state;
    this.log = log;
  }

  /** A client has read this record (or found none). */
  readRecord(key: Key): void {
    if (this.keys.size >= QUEUE) this.counts.dropped += 1;
    else this.keys.add(key);
    this.begin();
  }

  /** A client has read this list. */
  readList(query: ListQuery): void {
    if (this.lists.length >= LISTS) this.counts.dropped += 1;
    else this.lists.push({ ...query, total: false });
    this.begin();
  }

  /** Compares what waits, then ends. */
  async close(): Promise<void> {
    this.closing.abort();
    await this.running;
  }

  /** Resolves when nothing waits to be compared. */
  async whenIdle(): Promise<void> {
    while (this.running) await this.running;
  }

  private begin(): void {
    this.running ??= this.run().finally(() => {
      this.running = null;
      if (!this.closing.signal.aborted && (this.keys.size > 0 || this.lists.length > 0)) this.begin();
    });
  }

  private async run(): Promise<void> {
    await sleep(GATHER, undefined, { signal: this.closing.signal }).catch(() => undefined);
    try {
      while (this.keys.size > 0) await this.compareBatch();
      for (let query = this.lists.shift(); query; query = this.lists.shift()) await this.compareList(query);
    } catch (error) {
      this.counts.noVerdict += this.keys.size + this.lists.length;
      this.keys.clear();
      this.lists.length = 0;
      this.log.debug(
        { resource: this.resource.name, error: (error as Error).message },
        'reads could not be compared',
      );
    }
    await this.save();
  }

  private async compareBatch(): Promise<void> {
    const keys = [...this.keys].slice(0, BATCH);
    for (const key of keys) this.keys.delete(key);
    const verdicts = await compareSides(this.resource, keys);
    const differences: Difference[] = [];
    for (const verdict of verdicts.values()) {
      if (verdict === 'in-motion') this.counts.noVerdict += 1;
      else this.counts.compared += 1;
      if (typeof verdict === 'object') differences.push(verdict);
    }
    await this.found(differences);
  }

  /**
   * The same page of both sides: the same keys in the same order. Only when nothing of the resource moved meanwhile
   * (R30 for every key at once, those included that would be on the page of one side only).
   */
  private async compareList(query: ListQuery): Promise<void> {
    const before = await this.standstill();
    if (before === null) return void (this.counts.noVerdict += 1);
    const [legacy, next] = [await this.resource.legacy.list(query), await this.resource.new.list(query)];
    const after = await this.standstill();
    if (after === null || after !== before) return void (this.counts.noVerdict += 1);
    this.counts.compared += 1;
    const order = (records: PublicRecord[]) => records.map((record) => this.resource.mapping.keyOf(record));
    if (sameValue(order(legacy.records), order(next.records))) return;
    this.counts.differed += 1;
    const keys = { legacy: order(legacy.records), new: order(next.records) };
    this.log.warn(
      { resource: this.resource.name, query, keys },
      'a list has other records, or another order, on the new side',
    );
  }

  /** A fingerprint of all sync counters, or null while a mark is left. */
  private async standstill(): Promise<string | null> {
    const { database, name } = this.resource;
    const slots = await noteSlots(database, name, null);
    const { marks } = await backlog(database, name);
    return marks > 0
      ? null
      : [...slots.entries()]
          .sort(([a], [b]) => a - b)
          .map(([, n]) => n)
          .join();
  }

  private async found(differences: Difference[]): Promise<void> {
    if (differences.length === 0) return;
    this.counts.differed += differences.length;
    const { database, name } = this.resource;
    const mode = this.state()?.mode;
    const source = (mode && MODES[mode].compare) ?? 'shadow';
    await recordDifferences(database, name, differences, { name: source, runId: null });
    for (const { key, kind, fields } of differences) {
      this.log.warn({ resource: name, key, kind, fields }, 'a read differs between the sides');
    }
  }

  private async save(): Promise<void> {
    const state = this.state();
    const counts = this.counts;
    this.counts = { ...NO_COMPARISONS };
    if (!state || Object.values(counts).every((count) => count === 0)) return;
    const of = { resource: this.resource.name, generation: state.generation, mode: state.mode };
    await addComparisons(this.resource.database, of, counts).catch((error: unknown) => {
      this.log.debug(
        { resource: this.resource.name, error: (error as Error).message },
        'counts could not be saved',
      );
    });
  }
}

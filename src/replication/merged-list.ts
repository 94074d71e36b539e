import {
  afterRow,
  reversed,
  type Condition,
  type Estimate,
  type ListQuery,
  type PageStart,
} from '../domain/query.ts';
import type { PublicRecord, Value } from '../domain/values.ts';
import type { Key } from '../domain/words.ts';
import { anyTakenOver, takenOver } from '../state/moved.ts';
import { both, countLegacys, countMerged } from './legacy-share.ts';
import { MergeOrder } from './merge-order.ts';
import type { BoundResource, RecordPage } from './resource.ts';

/** Records of legacy that one request asks for, at the most, where a stretch of it was moved or deleted. */
const LONGEST = 500;
/** Records of one step towards an offset. */
const STRIDE = 1_000;

/**
 * A page of both sides: two sorted sources, each asked from the cursor on, merged by value. Its cost follows the page:
 * a page of legacy, a page of new, and what new knows of the keys on the former. An offset is walked to, so a deep one
 * costs more; a cursor does not. Totals are exact unless an estimate is asked for.
 *
 * M4: while records move, change or are deleted, no page lacks a record or has it twice whose sort value stays: legacy
 * keeps what was moved, and new is asked last wherever it hid something. (One whose sort value changes is where it is
 * now, as in any list.)
 */
export async function listMerged(
  resource: BoundResource,
  generation: number,
  query: ListQuery,
): Promise<RecordPage> {
  const order = await MergeOrder.of(resource, query);
  const counted = { where: query.where, collation: order.collation, how: howOf(query) };
  const total = query.total ? countMerged(resource, generation, counted) : null;
  return await read(new Merge(resource, generation, order), query, total);
}

/**
 * A page of `split`: legacy's own records. A copy that a way back to legacy has left there of a record of new is not its
 * own (M7).
 */
export async function listLegacys(
  resource: BoundResource,
  generation: number,
  query: ListQuery,
): Promise<RecordPage> {
  const of = { resource: resource.name, generation };
  if (!(await anyTakenOver(resource.database, of))) {
    const page = await resource.legacy.list(query);
    // Asked once more: what a way back sends is noted before legacy has it.
    if (!(await anyTakenOver(resource.database, of))) return page;
  }
  const total = query.total ? countLegacys(resource, generation, query.where, howOf(query)) : null;
  const order = MergeOrder.ofLegacy(resource, query.sort);
  return await read(new LegacyOnly(resource, generation, order), query, total);
}

async function read(merge: Merge, query: ListQuery, total: Promise<Estimate> | null): Promise<RecordPage> {
  // Awaited below; until then a failure must not count as unhandled.
  total?.catch(() => undefined);
  const start = await merge.skip({ where: query.where, after: query.after ?? null }, query.offset);
  const records = start === END ? [] : await merge.page(start, query.limit);
  const counted = await total;
  if (!counted) return { records, total: null };
  return {
    records,
    total: counted.count,
    ...(query.total === 'estimate' || !counted.exact ? { totalIsEstimate: !counted.exact } : {}),
  };
}

function howOf({ total }: ListQuery): 'exact' | 'estimate' {
  return total === 'estimate' ? 'estimate' : 'exact';
}

/** There is nothing beyond an offset. */
const END = Symbol('end');

/** Where a page begins: what its records hold for, and which record they come after, if it is known. */
interface Start {
  where: Condition | null;
  after: PageStart | null;
}

class Merge {
  protected readonly resource: BoundResource;
  protected readonly generation: number;
  private readonly order: MergeOrder;

  constructor(resource: BoundResource, generation: number, order: MergeOrder) {
    this.resource = resource;
    this.generation = generation;
    this.order = order;
  }

  /** New's page. */
  protected async fresh(start: Start, limit: number): Promise<PublicRecord[]> {
    return await this.list('new', start, limit);
  }

  /** Where the list begins after so many records. */
  async skip(start: Start, offset: number): Promise<Start | typeof END> {
    let from = start;
    for (let left = offset; left > 0;) {
      const passed = await this.page(from, Math.min(STRIDE, left));
      const last = passed.at(-1);
      if (!last || passed.length < Math.min(STRIDE, left)) return END;
      left -= passed.length;
      const values = this.valuesOf(last);
      const within = start.after ? start.after.within : start.where;
      from = { where: both(start.where, this.beyond(values)), after: { values, within } };
    }
    return from;
  }

  async page({ where, after }: Start, limit: number): Promise<PublicRecord[]> {
    if (limit === 0) return [];
    const { resource, order } = this;
    const within = after ? after.within : where;
    const old = new LegacyStretch(resource, this.generation, async (size, last) => {
      if (!last) return await this.list('legacy', { where, after }, size);
      const values = this.valuesOf(last);
      const beyond = both(where, this.beyond(values));
      return await this.list('legacy', { where: beyond, after: { values, within } }, size);
    });
    const askNew = async () => await this.fresh({ where, after }, limit);
    const [first, before] = await Promise.all([askNew(), this.before(after), old.more(limit)]);
    let fresh = first;
    for (let size = limit; ;) {
      await order.learn([...before, ...old.read, ...old.now, ...fresh]);
      order.check([...before, ...old.read]);
      const isFresh = (key: Key) => fresh.some((record) => resource.mapping.keyOf(record) === key);
      const reaches = (record: PublicRecord) =>
        fresh.length < limit || order.compare(record, fresh.at(-1) as PublicRecord) <= 0;
      // Hidden now, and not in new's page: it may have been moved in between, so new is asked again.
      if (old.hidden.some(([key, record]) => (!record || reaches(record)) && !isFresh(key))) {
        fresh = await askNew();
        await order.learn(fresh);
        old.hidden = [];
      }
      const merged = this.merged(old, fresh, limit);
      if (merged.length >= limit || old.ended) return merged.slice(0, limit);
      size = Math.min(2 * size, LONGEST);
      await old.more(size);
    }
  }

  /**
   * What must stand before legacy's page, where its order is only declared: the last record up to the page's beginning, as
   * legacy has it, and that beginning. Where the two orders differ there, the page would lack records.
   */
  private async before(after: PageStart | null): Promise<PublicRecord[]> {
    const { sort, isDeclared } = this.order;
    if (!after || !isDeclared) return [];
    const back = reversed(sort);
    const start = Object.fromEntries(sort.map(({ field }, index) => [field, after.values[index] ?? null]));
    const { records } = await this.resource.legacy.list({
      where: both(
        after.within,
        afterRow(back, after.values, (field) => this.mayBeNull(field)),
      ),
      after,
      sort: back,
      limit: 1,
      offset: 0,
      total: false,
      ...this.inCollation,
    });
    return [...records, start];
  }

  /** What is certain: both sources are known up to its end. */
  protected merged(old: LegacyStretch, fresh: readonly PublicRecord[], limit: number): PublicRecord[] {
    const { mapping } = this.resource;
    const keys = new Set(fresh.map((record) => mapping.keyOf(record)));
    const all = [...fresh, ...old.visible.filter((record) => !keys.has(mapping.keyOf(record)))];
    all.sort((a, b) => this.order.compare(a, b));
    const ends = [old.ended ? null : old.last, fresh.length < limit ? null : fresh.at(-1)];
    return all.filter((record) => ends.every((end) => !end || this.order.compare(record, end) <= 0));
  }

  private async list(
    side: 'legacy' | 'new',
    { where, after }: Start,
    limit: number,
  ): Promise<PublicRecord[]> {
    const { records } = await this.resource[side].list({
      where,
      ...(after ? { after } : {}),
      sort: [...this.order.sort],
      limit,
      offset: 0,
      total: false,
      ...this.inCollation,
    });
    return records;
  }

  private get inCollation(): Pick<ListQuery, 'collation'> {
    const { collation } = this.order;
    return collation === undefined ? {} : { collation };
  }

  private valuesOf(record: PublicRecord): Value[] {
    return this.order.sort.map(({ field }) => record[field] ?? null);
  }

  private beyond(values: readonly Value[]): Condition {
    return afterRow(this.order.sort, values, (field) => this.mayBeNull(field));
  }

  private mayBeNull(field: string): boolean {
    return !this.resource.mapping.isKeyField(field);
  }
}

/** The same with nothing of new: in legacy's own order. */
class LegacyOnly extends Merge {
  protected override fresh(): Promise<PublicRecord[]> {
    return Promise.resolve([]);
  }

  protected override merged(old: LegacyStretch): PublicRecord[] {
    return [...old.visible];
  }
}

/** Legacy from the cursor on, as far as it was read. */
class LegacyStretch {
  /** All of them, in legacy's order. */
  readonly read: PublicRecord[] = [];
  /** Those that new has not taken over. */
  readonly visible: PublicRecord[] = [];
  /** Those it has, with new's version where it is there. */
  hidden: [Key, PublicRecord | null][] = [];
  /** New's versions of records that were read. */
  readonly now: PublicRecord[] = [];
  ended = false;
  private readonly resource: BoundResource;
  private readonly generation: number;
  private readonly list: (size: number, last: PublicRecord | null) => Promise<PublicRecord[]>;

  constructor(
    resource: BoundResource,
    generation: number,
    list: (size: number, last: PublicRecord | null) => Promise<PublicRecord[]>,
  ) {
    this.resource = resource;
    this.generation = generation;
    this.list = list;
  }

  get last(): PublicRecord | null {
    return this.read.at(-1) ?? null;
  }

  /** Reads on, and asks new what it knows of these keys: after they were read, so that what moved meanwhile is hidden. */
  async more(size: number): Promise<void> {
    const { mapping, database, name } = this.resource;
    const records = await this.list(size, this.last);
    this.ended = records.length < size;
    this.read.push(...records);
    const keys = records.map((record) => mapping.keyOf(record));
    const of = { resource: name, generation: this.generation };
    const [there, taken] = await Promise.all([this.resource.new.get(keys), takenOver(database, of, keys)]);
    this.now.push(...there.values());
    records.forEach((record, index) => {
      const key = keys[index] as Key;
      const now = there.get(key);
      if (!now && !taken.has(key)) this.visible.push(record);
      else if (now || !taken.get(key)?.deleted) this.hidden.push([key, now ?? null]);
    });
  }
}

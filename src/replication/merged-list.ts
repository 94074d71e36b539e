import { BanyanError } from '../domain/errors.ts';
import { agreementOf, compareBy } from '../domain/order.ts';
import { afterRow, type Condition, type ListQuery, type SortBy } from '../domain/query.ts';
import type { PublicRecord } from '../domain/values.ts';
import type { Key } from '../domain/words.ts';
import { anyTakenOver, takenOver } from '../state/moved.ts';
import { both, countLegacys, countMerged } from './legacy-share.ts';
import type { BoundResource } from './resource.ts';

/** Records of legacy that one request asks for, at the most, where a stretch of it was moved or deleted. */
const LONGEST = 500;
/** Records of one step towards an offset. */
const STRIDE = 1_000;

/**
 * A page of both sides: two sorted sources, each asked from the cursor on, merged by value. Its cost follows the page:
 * a page of legacy, a page of new, and what new knows of the keys on the former. An offset is walked to, so a deep one
 * costs more; a cursor does not. Totals are exact.
 *
 * M4: while records move, change or are deleted, no page lacks a record or has it twice whose sort value stays: legacy
 * keeps what was moved, and new is asked last wherever it hid something. (One whose sort value changes is where it is
 * now, as in any list.)
 */
export async function listMerged(
  resource: BoundResource,
  generation: number,
  query: ListQuery,
): Promise<{ records: PublicRecord[]; total: number | null }> {
  const merge = new Merge(resource, generation, query.sort);
  const total = query.total ? countMerged(resource, generation, query.where) : null;
  return await read(merge, query, total);
}

/**
 * A page of `split`: legacy's own records. A copy that a way back to legacy has left there of a record of new is not its
 * own (M7).
 */
export async function listLegacys(
  resource: BoundResource,
  generation: number,
  query: ListQuery,
): Promise<{ records: PublicRecord[]; total: number | null }> {
  const of = { resource: resource.name, generation };
  if (!(await anyTakenOver(resource.database, of))) {
    const page = await resource.legacy.list(query);
    // Asked once more: what a way back sends is noted before legacy has it.
    if (!(await anyTakenOver(resource.database, of))) return page;
  }
  const total = query.total ? countLegacys(resource, generation, query.where) : null;
  return await read(new LegacyOnly(resource, generation, query.sort), query, total);
}

async function read(
  merge: Merge,
  query: ListQuery,
  total: Promise<number> | null,
): Promise<{ records: PublicRecord[]; total: number | null }> {
  // Awaited below; until then a failure must not count as unhandled.
  total?.catch(() => undefined);
  const where = await merge.skip(query.where, query.offset);
  const records = where === END ? [] : await merge.page(where, query.limit);
  return { records, total: await total };
}

/** There is nothing beyond an offset. */
const END = Symbol('end');

class Merge {
  protected readonly resource: BoundResource;
  protected readonly generation: number;
  private readonly sort: SortBy[];
  /** Text goes by its bytes; asked for where both sides have to agree on it. */
  protected bytewise: boolean;

  constructor(resource: BoundResource, generation: number, sort: SortBy[]) {
    this.resource = resource;
    this.generation = generation;
    this.sort = sort;
    this.bytewise = this.agreeOn(sort);
  }

  protected agreeOn(sort: SortBy[]): boolean {
    return refuseUnordered(this.resource, sort);
  }

  /** New's page. */
  protected async fresh(where: Condition | null, limit: number): Promise<PublicRecord[]> {
    return await this.list('new', where, limit);
  }

  /** The condition under which the list begins after so many records. */
  async skip(where: Condition | null, offset: number): Promise<Condition | null | typeof END> {
    let from = where;
    for (let left = offset; left > 0;) {
      const passed = await this.page(from, Math.min(STRIDE, left));
      const last = passed.at(-1);
      if (!last || passed.length < Math.min(STRIDE, left)) return END;
      left -= passed.length;
      from = both(where, this.after(last));
    }
    return from;
  }

  async page(where: Condition | null, limit: number): Promise<PublicRecord[]> {
    if (limit === 0) return [];
    const { resource } = this;
    const old = new LegacyStretch(resource, this.generation, (size, last) =>
      this.list('legacy', last ? both(where, this.after(last)) : where, size),
    );
    const askNew = async () => await this.fresh(where, limit);
    let [fresh] = await Promise.all([askNew(), old.more(limit)]);
    for (let size = limit; ;) {
      const isFresh = (key: Key) => fresh.some((record) => resource.mapping.keyOf(record) === key);
      const reaches = (record: PublicRecord) =>
        fresh.length < limit || this.compare(record, fresh.at(-1) as PublicRecord) <= 0;
      // Hidden now, and not in new's page: it may have been moved in between, so new is asked again.
      if (old.hidden.some(([key, record]) => (!record || reaches(record)) && !isFresh(key))) {
        fresh = await askNew();
        old.hidden = [];
      }
      const merged = this.merged(old, fresh, limit);
      if (merged.length >= limit || old.ended) return merged.slice(0, limit);
      size = Math.min(2 * size, LONGEST);
      await old.more(size);
    }
  }

  /** What is certain: both sources are known up to its end. */
  protected merged(old: LegacyStretch, fresh: readonly PublicRecord[], limit: number): PublicRecord[] {
    const { mapping } = this.resource;
    const keys = new Set(fresh.map((record) => mapping.keyOf(record)));
    const all = [...fresh, ...old.visible.filter((record) => !keys.has(mapping.keyOf(record)))];
    all.sort((a, b) => this.compare(a, b));
    const ends = [old.ended ? null : old.last, fresh.length < limit ? null : fresh.at(-1)];
    return all.filter((record) => ends.every((end) => !end || this.compare(record, end) <= 0));
  }

  private async list(
    side: 'legacy' | 'new',
    where: Condition | null,
    limit: number,
  ): Promise<PublicRecord[]> {
    const { sort, bytewise } = this;
    const { records } = await this.resource[side].list({
      where,
      sort,
      bytewise,
      limit,
      offset: 0,
      total: false,
    });
    return records;
  }

  private after(record: PublicRecord): Condition {
    const { mapping } = this.resource;
    const values = this.sort.map(({ field }) => record[field] ?? null);
    return afterRow(this.sort, values, (field) => !mapping.isKeyField(field));
  }

  private compare(a: PublicRecord, b: PublicRecord): number {
    const { mapping } = this.resource;
    return compareBy(this.sort, (field, x, y) => mapping.compareValues(field, x, y), a, b);
  }
}

/** The same with nothing of new: in legacy's own order. */
class LegacyOnly extends Merge {
  protected override agreeOn(): boolean {
    return false;
  }

  protected override fresh(): Promise<PublicRecord[]> {
    return Promise.resolve([]);
  }

  protected override merged(old: LegacyStretch): PublicRecord[] {
    return [...old.visible];
  }
}

/** Legacy from the cursor on, as far as it was read. */
class LegacyStretch {
  /** Records that new has not taken over. */
  readonly visible: PublicRecord[] = [];
  /** Those it has, with new's version where it is there. */
  hidden: [Key, PublicRecord | null][] = [];
  last: PublicRecord | null = null;
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

  /** Reads on, and asks new what it knows of these keys: after they were read, so that what moved meanwhile is hidden. */
  async more(size: number): Promise<void> {
    const { mapping, database, name } = this.resource;
    const records = await this.list(size, this.last);
    this.ended = records.length < size;
    this.last = records.at(-1) ?? this.last;
    const keys = records.map((record) => mapping.keyOf(record));
    const of = { resource: name, generation: this.generation };
    const [there, taken] = await Promise.all([this.resource.new.get(keys), takenOver(database, of, keys)]);
    records.forEach((record, index) => {
      const key = keys[index] as Key;
      const now = there.get(key);
      if (!now && !taken.has(key)) this.visible.push(record);
      else if (now || !taken.get(key)?.deleted) this.hidden.push([key, now ?? null]);
    });
  }
}

/** Fields in whose order the two stores do not agree would make pages that lack records. Answers whether text is sorted. */
function refuseUnordered(
  { name, mapping, legacy, new: fresh }: BoundResource,
  sort: readonly SortBy[],
): boolean {
  let bytewise = false;
  for (const { field } of sort) {
    const mapped = mapping.field(field);
    // Ids that one side has as texts are sorted as texts there, whatever clients see.
    const type = mapped?.ids && Object.values(mapped.types).includes('text') ? 'text' : mapped?.type;
    const agreement = mapped && type ? agreementOf(type, mapped.list) : 'never';
    if (agreement === 'always') continue;
    const own = [legacy, fresh].find(({ store }) => !store.capabilities.bytewiseText);
    if (agreement === 'bytewise' && !own) bytewise = true;
    else {
      const why =
        agreement === 'bytewise' && own
          ? `the ${own.side} store "${own.store.name}" sorts it in an order of its own`
          : 'it has no order';
      const message = `while ${name} is read from both sides it cannot be sorted by "${field}": ${why}`;
      throw new BanyanError('invalid-query', message, { details: { problems: [message] } });
    }
  }
  return bytewise;
}

import { BanyanError, isBanyanError } from '../domain/errors.ts';
import { JoinedGroups } from '../domain/joined-groups.ts';
import type { ValueType } from '../domain/model.ts';
import { compareValues } from '../domain/order.ts';
import { afterRow, type Condition, type ListQuery } from '../domain/query.ts';
import {
  Fold,
  type Grouping,
  type MeasuredField,
  type StatisticsGroup,
  type StatisticsQuery,
} from '../domain/statistics.ts';
import type { Row, Value } from '../domain/values.ts';
import { statisticsOnSide } from '../mapping/statistics.ts';
import { both, inOneSnapshot, partsOf } from './legacy-share.ts';
import { listLegacys } from './merged-list.ts';
import type { BoundResource, RecordSide } from './resource.ts';
import { readCheckpoint } from '../state/moved.ts';

/** Records of one page where they are folded. */
const PAGE = 1_000;

/**
 * Statistics of one side, made in its store. What that cannot make is refused with the reason, unless the resource allows
 * that its records are read for it, page by page.
 */
export async function statisticsOn(
  resource: BoundResource,
  side: RecordSide,
  query: StatisticsQuery,
): Promise<StatisticsGroup[]> {
  const made = statisticsOnSide(resource.mapping, side.side, query);
  try {
    if ('cannot' in made) throw unavailable(resource, side, made.cannot);
    if (!side.table.statistics) throw unavailable(resource, side, 'its store makes none');
    return made.toPublic(await side.table.statistics(made.query));
  } catch (error) {
    if (!isBanyanError(error, 'statistics-unavailable') || !resource.settings.query.statisticsFromRows)
      throw error;
    return await fold(resource.mapping, side, query);
  }
}

function unavailable({ name }: BoundResource, { store, side }: RecordSide, why: string): BanyanError {
  return new BanyanError(
    'statistics-unavailable',
    `the ${side} store "${store.name}" cannot make these statistics of ${name}: ${why}. Ask for other fields, or ` +
      `set resources.${name}.query.statisticsFromRows, so that records are read for them`,
  );
}

async function fold(
  mapping: BoundResource['mapping'],
  side: RecordSide,
  query: StatisticsQuery,
): Promise<StatisticsGroup[]> {
  const result = new Fold(query, typesOf(mapping));
  const sort = mapping.keys.map(({ name }) => ({ field: name, descending: false }));
  for (let after: Condition | null = null; ;) {
    const page: ListQuery = { where: both(query.where, after), sort, limit: PAGE, offset: 0, total: false };
    const { records } = await side.list(page);
    side.store.noteFolded?.(records.length);
    for (const record of records) result.add(record as Row);
    const last = records.at(-1);
    if (!last || records.length < PAGE) return result.result;
    after = afterRow(
      sort,
      sort.map(({ field }) => last[field] ?? null),
      () => false,
    );
  }
}

function typesOf(mapping: BoundResource['mapping']): (field: string) => ValueType {
  return (field) => mapping.field(field)?.type ?? 'text';
}

/**
 * Statistics of both sides, exact, of one moment, and without reading rows: new's, and of legacy what new has not taken
 * over. Numbers and sums of what it has are taken away; a least or greatest value that one of them shares is looked up.
 */
export async function statisticsMerged(
  resource: BoundResource,
  generation: number,
  query: StatisticsQuery,
): Promise<StatisticsGroup[]> {
  const of = { resource: resource.name, generation };
  const { fresh, parts } = await inOneSnapshot(resource, of, (side) => statisticsOn(resource, side, query));
  const result = new Combined(resource, query);
  for (const group of fresh) result.add(group);
  await result.addLegacy(generation, parts);
  return result.groups;
}

/** Statistics of legacy's own records, in `split`. */
export async function statisticsOfLegacys(
  resource: BoundResource,
  generation: number,
  query: StatisticsQuery,
): Promise<StatisticsGroup[]> {
  const checkpoint = await readCheckpoint(resource.database, { resource: resource.name, generation });
  const result = new Combined(resource, query);
  await result.addLegacy(generation, partsOf(resource, checkpoint));
  return result.groups;
}

class Combined {
  private readonly resource: BoundResource;
  private readonly query: StatisticsQuery;
  private readonly joined: JoinedGroups;

  constructor(resource: BoundResource, query: StatisticsQuery) {
    this.resource = resource;
    this.query = query;
    this.joined = new JoinedGroups(query, typesOf(resource.mapping));
  }

  get groups(): StatisticsGroup[] {
    return this.joined.groups.filter(({ count }) => count > 0 || this.query.groupBy.length === 0);
  }

  add(group: StatisticsGroup): void {
    this.joined.add(group);
  }

  async addLegacy(
    generation: number,
    parts: readonly { sign: 1 | -1; where: Condition | null }[],
  ): Promise<void> {
    const { resource, query } = this;
    const share = new Combined(resource, query);
    const hidden = new Combined(resource, query);
    await Promise.all(
      parts.map(async ({ sign, where }) => {
        const groups = await statisticsOn(resource, resource.legacy, {
          ...query,
          where: both(query.where, where),
        });
        for (const group of groups) (sign > 0 ? share : hidden).add(group);
      }),
    );
    for (const group of hidden.groups) {
      const from = share.joined.at(group.group);
      from.count -= group.count;
      for (const [index, measured] of group.measures.entries())
        await this.without(generation, from, index, measured);
    }
    for (const group of share.groups) this.add(group);
  }

  /** Takes hidden records away from a group; what they had in common with its ends is looked up among the rest. */
  private async without(
    generation: number,
    from: StatisticsGroup,
    index: number,
    hidden: MeasuredField,
  ): Promise<void> {
    this.joined.join(from, index, hidden, -1);
    const at = from.measures[index] as MeasuredField;
    if (at.count === 0) Object.assign(at, { sum: null, min: null, max: null });
    if (!this.query.measures[index]?.range || at.count === 0) return;
    const ends = [
      ['min', -1],
      ['max', 1],
    ] as const;
    for (const [end, way] of ends) {
      const gone = hidden[end];
      if (gone === null || compareValues(this.typeAt(index), at[end], gone) * way > 0) continue;
      at[end] = await this.endOf(generation, from.group, index, way);
    }
  }

  /** The least or greatest value of a field among legacy's records of a group that are not hidden. */
  private async endOf(generation: number, group: Value[], index: number, way: 1 | -1): Promise<Value> {
    const { resource, query } = this;
    const { field } = query.measures[index] as { field: string };
    if (!resource.mapping.field(field)?.ordered)
      throw unavailable(resource, resource.legacy, `legacy holds "${field}" in another order`);
    const there: Condition = { field, op: 'null', value: false };
    const inGroup = query.groupBy.map((by, at) => ofGroup(by, group[at] ?? null, typesOf(resource.mapping)));
    const where = [query.where, there, ...inGroup].filter((part) => part !== null);
    const keys = resource.mapping.keys.map(({ name }) => ({ field: name, descending: false }));
    const sort = [{ field, descending: way > 0 }, ...keys];
    const page = { where: { and: where }, sort, limit: 1, offset: 0, total: false };
    const { records } = await listLegacys(resource, generation, page);
    return records[0]?.[field] ?? null;
  }

  private typeAt(index: number): ValueType {
    return typesOf(this.resource.mapping)(this.query.measures[index]?.field ?? '');
  }
}

/** The condition of one group. */
function ofGroup({ field, by }: Grouping, value: Value, typeOf: (field: string) => ValueType): Condition {
  if (value === null) return { field, op: 'null', value: true };
  if (by === 'value') return { field, op: 'eq', value };
  const day = String(value);
  if (typeOf(field) === 'date') return { field, op: 'eq', value: day };
  const next = new Date(Date.parse(`${day}T00:00:00.000Z`) + 86_400_000).toISOString();
  return {
    and: [
      { field, op: 'gte', value: `${day}T00:00:00.000Z` },
      { field, op: 'lt', value: next },
    ],
  };
}

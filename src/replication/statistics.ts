import type { ValueType } from '../domain/model.ts';
import type { Condition, ListQuery } from '../domain/query.ts';
import {
  addNumbers,
  emptyGroup,
  extreme,
  Fold,
  groupKey,
  type Grouping,
  type MeasuredField,
  type StatisticsGroup,
  type StatisticsQuery,
} from '../domain/statistics.ts';
import type { Row, Value } from '../domain/values.ts';
import { both, inOneSnapshot, partsOf } from './legacy-share.ts';
import { listLegacys } from './merged-list.ts';
import type { BoundResource, RecordSide } from './resource.ts';
import { readCheckpoint } from '../state/moved.ts';

/** Records of one page where a side cannot make statistics by itself. */
const PAGE = 1_000;

/** Statistics of one side: made in its store, or, where that cannot or holds a field in another form, folded from pages. */
export async function statisticsOn(
  { mapping }: BoundResource,
  side: RecordSide,
  query: StatisticsQuery,
): Promise<StatisticsGroup[]> {
  const plainly = [...query.groupBy, ...query.measures].every(({ field }) => {
    const mapped = mapping.field(field);
    return (
      mapped && mapped.columns[side.side] !== null && !mapped.codecs[side.side] && mapped.standard === null
    );
  });
  const { table } = side;
  if (!plainly || !table.statistics) return await fold(mapping, side, query);
  const column = <T extends { field: string }>(of: T): T => ({
    ...of,
    field: mapping.field(of.field)?.columns[side.side] ?? of.field,
  });
  return await table.statistics({
    where: query.where && mapping.condition(side.side, query.where),
    groupBy: query.groupBy.map(column),
    measures: query.measures.map(column),
  });
}

async function fold(
  mapping: BoundResource['mapping'],
  side: RecordSide,
  query: StatisticsQuery,
): Promise<StatisticsGroup[]> {
  const result = new Fold(query, typesOf(mapping));
  const sort = mapping.keys.map(({ name }) => ({ field: name, descending: false }));
  for (let offset = 0; ; offset += PAGE) {
    const page: ListQuery = { where: query.where, sort, limit: PAGE, offset, total: false };
    const { records } = await side.list(page);
    for (const record of records) result.add(record as Row);
    if (records.length < PAGE) return result.result;
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
  private readonly found = new Map<string, StatisticsGroup>();

  constructor(resource: BoundResource, query: StatisticsQuery) {
    this.resource = resource;
    this.query = query;
  }

  get groups(): StatisticsGroup[] {
    return [...this.found.values()].filter(({ count }) => count > 0 || this.query.groupBy.length === 0);
  }

  add(group: StatisticsGroup): void {
    const into = this.at(group.group);
    into.count += group.count;
    group.measures.forEach((measured, index) => this.join(into, index, measured, 1));
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
      const from = share.at(group.group);
      from.count -= group.count;
      for (const [index, measured] of group.measures.entries())
        await this.without(generation, from, index, measured);
    }
    for (const group of share.groups) this.add(group);
  }

  private at(group: Value[]): StatisticsGroup {
    const key = groupKey(group);
    const found = this.found.get(key) ?? emptyGroup(group, this.query);
    this.found.set(key, found);
    return found;
  }

  private join(into: StatisticsGroup, index: number, measured: MeasuredField, sign: 1 | -1): void {
    const at = into.measures[index] as MeasuredField;
    const type = this.typeAt(index);
    at.count += sign * measured.count;
    at.sum = addNumbers(at.sum, measured.sum, sign);
    if (sign < 0) return;
    at.min = extreme(type, -1, at.min, measured.min);
    at.max = extreme(type, 1, at.max, measured.max);
  }

  /** Takes hidden records away from a group; what they had in common with its ends is looked up among the rest. */
  private async without(
    generation: number,
    from: StatisticsGroup,
    index: number,
    hidden: MeasuredField,
  ): Promise<void> {
    this.join(from, index, hidden, -1);
    const at = from.measures[index] as MeasuredField;
    if (at.count === 0) Object.assign(at, { sum: null, min: null, max: null });
    if (!this.query.measures[index]?.range || at.count === 0) return;
    const ends = [
      ['min', -1],
      ['max', 1],
    ] as const;
    for (const [end, way] of ends) {
      if (extreme(this.typeAt(index), way, at[end], hidden[end]) !== hidden[end]) continue;
      at[end] = await this.endOf(generation, from.group, index, way);
    }
  }

  /** The least or greatest value of a field among legacy's records of a group that are not hidden. */
  private async endOf(generation: number, group: Value[], index: number, way: 1 | -1): Promise<Value> {
    const { resource, query } = this;
    const { field } = query.measures[index] as { field: string };
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

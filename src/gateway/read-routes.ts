import type { ListQuery } from '../domain/query.ts';
import type { StatisticsGroup, StatisticsQuery } from '../domain/statistics.ts';
import type { PublicRecord } from '../domain/values.ts';
import type { Key, ResourceState, Route, Side } from '../domain/words.ts';
import { listLegacys, listMerged } from '../replication/merged-list.ts';
import { readMerged } from '../replication/places.ts';
import type { BoundResource, RecordPage } from '../replication/resource.ts';
import { statisticsMerged, statisticsOfLegacys, statisticsOn } from '../replication/statistics.ts';

/** How one route answers reads. */
interface ReadRoute {
  get(
    resource: BoundResource,
    key: Key,
    state: ResourceState,
  ): Promise<{ found: PublicRecord | undefined; side: Route }>;
  list(resource: BoundResource, query: ListQuery, state: ResourceState): Promise<RecordPage>;
  statistics(
    resource: BoundResource,
    query: StatisticsQuery,
    state: ResourceState,
  ): Promise<StatisticsGroup[]>;
}

const by = (side: Side): ReadRoute => ({
  get: async (resource, key) => ({ found: (await resource[side].get([key])).get(key), side }),
  list: async (resource, query) => await resource[side].list(query),
  statistics: async (resource, query) => await statisticsOn(resource, resource[side], query),
});

const both = (side: Route, list: typeof listMerged, statistics: typeof statisticsMerged): ReadRoute => ({
  get: async (resource, key, { generation }) => ({
    found: (await readMerged(resource, generation, [key])).get(key),
    side,
  }),
  list: async (resource, query, { generation }) => await list(resource, generation, query),
  statistics: async (resource, query, { generation }) => await statistics(resource, generation, query),
});

/** One row per route; nothing else knows how the sides are joined. */
export const ROUTES: Readonly<Record<Route, ReadRoute>> = {
  legacy: by('legacy'),
  new: by('new'),
  split: both('split', listLegacys, statisticsOfLegacys),
  merged: both('merged', listMerged, statisticsMerged),
};

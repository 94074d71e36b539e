import type { ListQuery } from '../domain/query.ts';
import type { PublicRecord } from '../domain/values.ts';
import type { Key, ResourceState, Route, Side } from '../domain/words.ts';
import { listLegacys, listMerged } from '../replication/merged-list.ts';
import { readMerged } from '../replication/places.ts';
import type { BoundResource } from '../replication/resource.ts';

/** How one route answers reads. */
interface ReadRoute {
  get(
    resource: BoundResource,
    key: Key,
    state: ResourceState,
  ): Promise<{ found: PublicRecord | undefined; side: Route }>;
  list(
    resource: BoundResource,
    query: ListQuery,
    state: ResourceState,
  ): Promise<{ records: PublicRecord[]; total: number | null }>;
}

const by = (side: Side): ReadRoute => ({
  get: async (resource, key) => ({ found: (await resource[side].get([key])).get(key), side }),
  list: async (resource, query) => await resource[side].list(query),
});

const both = (side: Route, list: typeof listMerged): ReadRoute => ({
  get: async (resource, key, { generation }) => ({
    found: (await readMerged(resource, generation, [key])).get(key),
    side,
  }),
  list: async (resource, query, { generation }) => await list(resource, generation, query),
});

/** One row per route; nothing else knows how the sides are joined. */
export const ROUTES: Readonly<Record<Route, ReadRoute>> = {
  legacy: by('legacy'),
  new: by('new'),
  split: both('split', listLegacys),
  merged: both('merged', listMerged),
};

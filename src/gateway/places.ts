import type { ModeRow } from '../domain/modes.ts';
import type { ResourceState } from '../domain/words.ts';
import { MergedPlace, SplitPlace, type WritePlace } from '../replication/places.ts';
import type { WritePlan } from './plan.ts';
import type { ResourceRuntime } from './runtime.ts';

type Open = (runtime: ResourceRuntime, plan: WritePlan, state: ResourceState) => WritePlace;

const PLACES: Readonly<Record<ModeRow['writes'], Open>> = {
  primary: ({ resource }, { side }) => resource[side],
  'where-it-is': ({ resource }, _plan, { generation }) =>
    new SplitPlace(resource, generation, performance.now()),
  'move-first': ({ resource, syncer }, _plan, { generation }) =>
    new MergedPlace(
      resource,
      generation,
      performance.now(),
      async (records) => await syncer.syncParents(records),
    ),
};

/** Where a write that begins now is done under its plan. */
export function placeOf(runtime: ResourceRuntime, plan: WritePlan, state: ResourceState): WritePlace {
  return PLACES[plan.place](runtime, plan, state);
}

import type { Caller } from '../domain/callers.ts';
import type { PublicRecord } from '../domain/values.ts';
import { MODES } from '../domain/modes.ts';
import type { Key, ResourceState, Route } from '../domain/words.ts';
import { isWithin, tenantOf } from './access.ts';
import { notFound } from './not-found.ts';
import type { Pagination } from './envelope.ts';
import { refuseBroken } from '../mapping/broken.ts';
import type { ListRequest } from './list-query.ts';
import { decidePlan, type ReadPlan } from './plan.ts';
import { ROUTES } from './read-routes.ts';
import type { ResourceRuntime } from './runtime.ts';

/** How long a read waits while its replica may not read (a switch's few milliseconds); ms. */
const READ_PATIENCE = 5_000;

export async function readRecord(
  runtime: ResourceRuntime,
  key: Key,
  caller: Caller,
): Promise<{ record: PublicRecord; side: Route }> {
  const tenant = tenantOf(caller, runtime.resource);
  const { plan, answer } = await readUnder(runtime, 'detail', async (from, state) =>
    ROUTES[from].get(runtime.resource, key, state),
  );
  const { found: record, side } = answer;
  if (isSampled(plan)) runtime.comparer.readRecord(key);
  if (!record || !isWithin(tenant, record)) throw notFound(runtime.resource, key);
  refuseBroken(record);
  return { record, side };
}

export async function readList(
  runtime: ResourceRuntime,
  request: ListRequest,
): Promise<{ records: PublicRecord[]; pagination: Pagination; side: Route }> {
  const { resource } = runtime;
  const { plan, answer } = await readUnder(runtime, 'list', async (from, state) =>
    ROUTES[from].list(resource, request.query, state),
  );
  const { records, total, totalIsEstimate } = answer;
  const page = records.slice(0, request.limit);
  // There are as many as were seen, whatever was guessed.
  const seen = request.query.offset + records.length;
  if (isSampled(plan)) compareList(runtime, request, page);
  const last = page.at(-1);
  const pagination: Pagination = {
    limit: request.limit,
    ...(request.offset === null ? {} : { offset: request.offset }),
    ...(total === null ? {} : { total: totalIsEstimate ? Math.max(total, seen) : total }),
    ...(request.query.total === 'estimate' || totalIsEstimate
      ? { totalIsEstimate: totalIsEstimate === true }
      : {}),
    nextCursor: records.length > request.limit && last ? request.cursorAfter(last) : null,
  };
  return { records: page, pagination, side: plan.from };
}

/**
 * A read under the mode in force. M6: of both sides once more where they were led apart meanwhile: new may have been
 * emptied for the next generation while it was read, which no replica's acknowledgement waits for.
 */
export async function readUnder<T>(
  { resource, routes }: ResourceRuntime,
  verb: 'detail' | 'list',
  read: (from: Route, state: ResourceState) => Promise<T>,
): Promise<{ plan: ReadPlan; answer: T }> {
  for (;;) {
    const state = await routes.beginRead(resource.name, READ_PATIENCE);
    const plan = decidePlan(verb, state.mode, resource.settings) as ReadPlan;
    const answer = await read(plan.from, state);
    if (!hasEnded(state, routes.state(resource.name))) return { plan, answer };
  }
}

/** Whether what was read of both sides may have been read after its generation. */
export function hasEnded(under: ResourceState, now: ResourceState | undefined): boolean {
  if (!now || !MODES[under.mode].partial) return false;
  return now.generation !== under.generation || MODES[now.mode].primary === 'legacy';
}

function isSampled(plan: ReadPlan): boolean {
  return plan.compare > 0 && (plan.compare >= 1 || Math.random() < plan.compare);
}

/** Its records one by one, and the page as such: filters and order may differ where records do not. */
function compareList(runtime: ResourceRuntime, request: ListRequest, page: readonly PublicRecord[]): void {
  for (const record of page) runtime.comparer.readRecord(runtime.resource.mapping.keyOf(record));
  runtime.comparer.readList(request.query);
}

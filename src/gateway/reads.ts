import { BanyanError } from '../domain/errors.ts';
import type { PublicRecord } from '../domain/values.ts';
import type { Key, Side } from '../domain/words.ts';
import type { Pagination } from './envelope.ts';
import type { ListRequest } from './list-query.ts';
import { decidePlan, type ReadPlan } from './plan.ts';
import type { ResourceRuntime } from './runtime.ts';

/** How long a read waits while its replica may not read (a switch's few milliseconds); ms. */
const READ_PATIENCE = 5_000;

export async function readRecord(
  runtime: ResourceRuntime,
  key: Key,
): Promise<{ record: PublicRecord; side: Side }> {
  const plan = await planRead(runtime, 'detail');
  const found = await runtime.resource[plan.side].get([key]);
  if (isSampled(plan)) runtime.comparer.readRecord(key);
  const record = found.get(key);
  if (!record) throw new BanyanError('not-found', `${runtime.resource.name} has no record "${key}"`);
  return { record, side: plan.side };
}

export async function readList(
  runtime: ResourceRuntime,
  request: ListRequest,
): Promise<{ records: PublicRecord[]; pagination: Pagination; side: Side }> {
  const plan = await planRead(runtime, 'list');
  const { records, total } = await runtime.resource[plan.side].list(request.query);
  const page = records.slice(0, request.limit);
  if (isSampled(plan)) compareList(runtime, request, page);
  const last = page.at(-1);
  const pagination: Pagination = {
    limit: request.limit,
    ...(request.offset === null ? {} : { offset: request.offset }),
    ...(total === null ? {} : { total }),
    nextCursor: records.length > request.limit && last ? request.cursorAfter(last) : null,
  };
  return { records: page, pagination, side: plan.side };
}

async function planRead(runtime: ResourceRuntime, verb: 'detail' | 'list'): Promise<ReadPlan> {
  const state = await runtime.routes.beginRead(runtime.resource.name, READ_PATIENCE);
  return decidePlan(verb, state.mode, runtime.resource.settings) as ReadPlan;
}

function isSampled(plan: ReadPlan): boolean {
  return plan.compare > 0 && (plan.compare >= 1 || Math.random() < plan.compare);
}

/** Its records one by one, and the page as such: filters and order may differ where records do not. */
function compareList(runtime: ResourceRuntime, request: ListRequest, page: readonly PublicRecord[]): void {
  for (const record of page) runtime.comparer.readRecord(runtime.resource.mapping.keyOf(record));
  runtime.comparer.readList(request.query);
}

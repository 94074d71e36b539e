import type { Caller } from '../domain/callers.ts';
import { BanyanError, isBanyanError } from '../domain/errors.ts';
import { MODES } from '../domain/modes.ts';
import type { Sql } from '../domain/sql.ts';
import type { PublicRecord, Value } from '../domain/values.ts';
import type { Key, ResourceName, Side } from '../domain/words.ts';
import { refuseBroken } from '../mapping/broken.ts';
import { acceptKey, acceptRecord, type BodyRole } from '../mapping/accept.ts';
import { resourceWithin, type RecordSide } from '../replication/resource.ts';
import { isWithin, ownRecord, tenantOf } from './access.ts';
import { readListQuery } from './list-query.ts';
import { bringToNew, refuseTwin } from './operation-moves.ts';
import { refuseForeignParents } from './parents.ts';
import { readList, readRecord } from './reads.ts';
import { ROUTES } from './read-routes.ts';
import { answered, readStatistics, readStatisticsQuery, statisticsOfSide } from './statistics.ts';
import type { ResourceRuntime } from './runtime.ts';
import { stampTouched } from './write-verbs.ts';
import { newKey, runWrite } from './writes.ts';

/** A list's parameters as a request's query has them, e.g. `{ status: 'paid', sort: '-createdAt', limit: '20' }`. */
export type ListParameters = Readonly<Record<string, string | string[] | undefined>>;

export interface OperationPage<R> {
  records: R[];
  /** Exact number of all that match, where `total: 'true'` or an offset asks for it; about how many for `total: 'estimate'`. */
  total: number | null;
  /** There for `total: 'estimate'`: whether the total is one. */
  totalIsEstimate?: boolean;
}

/** Records of one resource as an operation reads them: public shapes, by public ids, and only what its caller sees. */
export interface OperationReads<R = PublicRecord> {
  get(id: string): Promise<R | null>;
  list(parameters?: ListParameters): Promise<OperationPage<R>>;
  /** Figures as `GET path/statistics` answers them, with its parameters; one object a group. */
  statistics(parameters?: ListParameters): Promise<Value[]>;
}

/** … and as it writes them: validated like a request's body, stamped and limited like one. */
export interface OperationRecords<R = PublicRecord> extends OperationReads<R> {
  create(record: Partial<R>): Promise<R>;
  change(id: string, changes: Partial<R>): Promise<R>;
  remove(id: string): Promise<void>;
}

/** Records of legacy: each write stands alone, with its mark and its hold, as a client's does. */
export function recordsOneByOne(
  runtime: ResourceRuntime,
  caller: Caller,
  done: { writes: number },
): OperationRecords {
  const write = async (verb: 'create' | 'change' | 'remove', key: Key | null, record: PublicRecord) => {
    // An operation that was overtaken by a switch begins again on the other side; one that has written already goes on
    // where its records are now, so that it is never left half done.
    const only = done.writes === 0 ? ({ only: 'legacy' } as const) : {};
    const written = await runWrite(runtime, { verb, key, record, repeated: false, caller, ...only });
    done.writes += 1;
    return written.record;
  };
  return {
    ...readsOfRoute(runtime, caller),
    create: async (record) => {
      const accepted = accept(runtime, record, 'create');
      return await write('create', keyGiven(runtime, accepted), accepted);
    },
    change: async (id, changes) =>
      await write('change', keyOf(runtime, id), accept(runtime, changes, 'change')),
    remove: async (id) => void (await write('remove', keyOf(runtime, id), {})),
  };
}

/** Records of new inside one transaction. `wrote` is told of every key. */
export function recordsWithin(
  runtime: ResourceRuntime,
  caller: Caller,
  sql: Sql,
  wrote: (verb: 'create' | 'change' | 'remove', key: Key) => void,
): OperationRecords {
  const { resource } = runtime;
  const side = resource.new.within(sql);
  const tenant = tenantOf(caller, resource);
  return {
    ...readsWithin(runtime, caller, side, sql),
    create: async (record) => {
      const accepted = accept(runtime, record, 'create');
      const key = keyGiven(runtime, accepted);
      const own = ownRecord(caller, resource, 'create', accepted);
      await refuseForeign(runtime, caller, own, key, sql);
      await refuseTwin(runtime, sql, resource.mapping.keyGiven(accepted));
      const made = await side.insert(
        stampTouched(runtime, key === null ? own : { ...own, ...resource.mapping.keyValues(key) }),
      );
      wrote('create', resource.mapping.keyOf(made));
      return made;
    },
    change: async (id, changes) => {
      const key = keyOf(runtime, id);
      const own = ownRecord(caller, resource, 'change', accept(runtime, changes, 'change'));
      await refuseForeign(runtime, caller, own, key, sql);
      const change = async () => await side.update(key, stampTouched(runtime, own), tenant);
      const changed =
        (await change()) ?? ((await bringToNew(runtime, sql, key, tenant)) ? await change() : null);
      if (!changed) throw missing(runtime, id);
      wrote('change', key);
      return changed;
    },
    remove: async (id) => {
      const key = keyOf(runtime, id);
      const remove = async () => await side.remove(key, tenant);
      const removed = (await remove()) || ((await bringToNew(runtime, sql, key, tenant)) && (await remove()));
      if (!removed) throw missing(runtime, id);
      wrote('remove', key);
    },
  };
}

/** Reads of the very side, whatever the mode. Of a side that follows they may be a moment old. */
export function readsOfSide(runtime: ResourceRuntime, caller: Caller, side: Side): OperationReads {
  return readsFrom(runtime, caller, runtime.resource[side]);
}

/** As a client's reads go now: to one side, or to both. */
function readsOfRoute(runtime: ResourceRuntime, caller: Caller): OperationReads {
  return {
    get: async (id) => {
      try {
        return (await readRecord(runtime, keyOf(runtime, id), caller)).record;
      } catch (error) {
        if (isBanyanError(error, 'not-found')) return null;
        throw error;
      }
    },
    list: async (parameters = {}) => {
      const request = readListQuery(runtime.resource, parameters, caller);
      const { records, pagination } = await readList(runtime, request);
      const { total = null, totalIsEstimate } = pagination;
      return { records, total, ...(totalIsEstimate === undefined ? {} : { totalIsEstimate }) };
    },
    statistics: async (parameters = {}) =>
      (await readStatistics(runtime, readStatisticsQuery(runtime.resource, parameters, caller))).groups,
  };
}

/**
 * The transaction's own view, with what it has written itself. Where each side has records that the other lacks, both are
 * read as a client reads them, new from inside the transaction.
 */
function readsWithin(runtime: ResourceRuntime, caller: Caller, side: RecordSide, sql: Sql): OperationReads {
  const { resource, routes } = runtime;
  const within = readsFrom(runtime, caller, side);
  const joined = resourceWithin(resource, sql);
  const tenant = tenantOf(caller, resource);
  const partial = () => {
    const state = routes.state(resource.name);
    return state && MODES[state.mode].partial ? { state, route: ROUTES[MODES[state.mode].reads] } : null;
  };
  return {
    get: async (id) => {
      const both = partial();
      const key = acceptKey(resource.mapping, id);
      if (!both || key === null) return await within.get(id);
      const { found } = await both.route.get(joined, key, both.state);
      if (!found || !isWithin(tenant, found)) return null;
      refuseBroken(found);
      return found;
    },
    list: async (parameters = {}) => {
      const both = partial();
      if (!both) return await within.list(parameters);
      const { query, limit } = readListQuery(resource, parameters, caller);
      return await both.route.list(joined, { ...query, limit }, both.state);
    },
    statistics: async (parameters = {}) => {
      const both = partial();
      if (!both) return await within.statistics(parameters);
      const asked = readStatisticsQuery(resource, parameters, caller);
      return answered(await both.route.statistics(joined, asked.query, both.state), asked);
    },
  };
}

function readsFrom(runtime: ResourceRuntime, caller: Caller, side: RecordSide): OperationReads {
  const { resource } = runtime;
  const tenant = tenantOf(caller, resource);
  return {
    get: async (id) => {
      const key = acceptKey(resource.mapping, id);
      const record = key === null ? undefined : (await side.get([key])).get(key);
      return record && isWithin(tenant, record) ? record : null;
    },
    list: async (parameters = {}) => {
      const { query, limit } = readListQuery(resource, parameters, caller);
      return await side.list({ ...query, limit });
    },
    statistics: async (parameters = {}) =>
      await statisticsOfSide(resource, side, readStatisticsQuery(resource, parameters, caller)),
  };
}

/** A parent that the same operation has made a moment ago is visible in its own transaction only. */
async function refuseForeign(
  runtime: ResourceRuntime,
  caller: Caller,
  record: PublicRecord,
  key: Key | null,
  sql: Sql,
): Promise<void> {
  const see = async (parent: ResourceRuntime, of: Key) => {
    const found = (await parent.resource.new.within(sql).get([of])).get(of);
    return found !== undefined && isWithin(tenantOf(caller, parent.resource), found);
  };
  await refuseForeignParents(runtime, caller, record, key, see);
}

function accept(runtime: ResourceRuntime, given: Partial<PublicRecord>, role: BodyRole): PublicRecord {
  const record = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  const accepted = acceptRecord(runtime.resource.mapping, record as PublicRecord, role);
  if (accepted.ok) return accepted.record;
  const message = accepted.problems
    .map(({ field, message: text }) => `${runtime.resource.name}.${field} ${text}`)
    .join('; ');
  throw new BanyanError('validation-failed', message, {
    details: accepted.problems.map((problem) => ({ ...problem })),
  });
}

/** An id that is of no record's form is the id of none. */
function keyOf(runtime: ResourceRuntime, id: string): Key {
  const key = acceptKey(runtime.resource.mapping, id);
  if (key === null) throw missing(runtime, id);
  return key;
}

function keyGiven(runtime: ResourceRuntime, record: PublicRecord): Key | null {
  return runtime.resource.mapping.keyGiven(record) ?? newKey(runtime);
}

function missing({ resource }: ResourceRuntime, id: string): BanyanError {
  return new BanyanError('not-found', `${resource.name} has no record "${id}"`);
}

/** Names of an operation's resources to what it does with them. */
export type RecordsOf = (resource: ResourceName) => OperationRecords;

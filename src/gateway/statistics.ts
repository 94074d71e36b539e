import type { Caller } from '../domain/callers.ts';
import { BanyanError } from '../domain/errors.ts';
import {
  mean,
  refuseTooMany,
  statisticsOf,
  type Grouping,
  type Measure,
  type StatisticsGroup,
  type StatisticsQuery,
} from '../domain/statistics.ts';
import { isExactNumber, numberText, type Value } from '../domain/values.ts';
import type { Route } from '../domain/words.ts';
import type { MappedField } from '../mapping/mapping.ts';
import { PublicShape } from '../mapping/public-shape.ts';
import type { BoundResource, RecordSide } from '../replication/resource.ts';
import { statisticsOn } from '../replication/statistics.ts';
import { conditionOf, tenantOf } from './access.ts';
import { namesOf, readFilters, single, type Parameters } from './list-query.ts';
import { ROUTES } from './read-routes.ts';
import { readUnder } from './reads.ts';
import type { ResourceRuntime } from './runtime.ts';

const MEASURES = ['sum', 'avg', 'min', 'max'] as const;
type MeasureName = (typeof MEASURES)[number];
/** `day(createdAt)` */
const BY_DAY = /^day\((\w+)\)$/;

/** Statistics as the client asked for them. */
export interface StatisticsRequest {
  query: StatisticsQuery;
  /** The client's name of each group, and of each measure of each field. */
  groups: readonly string[];
  measures: readonly { name: string; field: MappedField; wanted: readonly MeasureName[] }[];
}

/**
 * `?status=paid&sum=amount&avg=amount&min=createdAt&groupBy=status,day(createdAt)`: filters as in a list, measures of
 * fields, groups by values or by UTC days. The number of records is always told.
 */
export function readStatisticsQuery(
  resource: BoundResource,
  parameters: Parameters,
  caller: Caller,
  shape = new PublicShape(resource.mapping),
): StatisticsRequest {
  const problems: string[] = [];
  const others = [...MEASURES, 'groupBy', 'count'];
  const within = conditionOf(tenantOf(caller, resource));
  const conditions = [
    ...(within ? [within] : []),
    ...readFilters(resource, shape, parameters, problems, others),
  ];
  const named = (name: MeasureName | 'groupBy') =>
    (single(parameters, name, problems) ?? '').split(',').filter((part) => part !== '');
  const fieldOf = (name: string, what: (can: ReturnType<typeof statisticsOf>) => boolean, how: string) => {
    const field = shape.fields.get(name);
    const allowed = resource.settings.query.statistics;
    if (field && allowed.includes(field.name) && what(statisticsOf(field.type, field.list))) return field;
    problems.push(`"${name}" cannot be ${how}; fields of statistics: ${namesOf(shape, allowed).join(', ')}`);
    return null;
  };
  const wanted = new Map<string, { field: MappedField; of: MeasureName[] }>();
  for (const measure of MEASURES) {
    for (const name of named(measure)) {
      const isSum = measure === 'sum' || measure === 'avg';
      const field = fieldOf(name, (can) => (isSum ? can.sum : can.range), `measured by ${measure}`);
      if (!field) continue;
      const entry = wanted.get(name) ?? { field, of: [] };
      wanted.set(name, { field, of: [...entry.of, measure] });
    }
  }
  const groups: { name: string; grouping: Grouping }[] = [];
  for (const part of named('groupBy')) {
    const day = BY_DAY.exec(part)?.[1];
    const field = fieldOf(
      day ?? part,
      (can) => (day ? can.day : can.group),
      day ? 'grouped by day' : 'grouped by',
    );
    if (field) groups.push({ name: part, grouping: { field: field.name, by: day ? 'day' : 'value' } });
  }
  if (problems.length > 0)
    throw new BanyanError('invalid-query', problems.join('; '), { details: { problems } });
  const measures = [...wanted].map(([name, { field, of }]) => ({ name, field, wanted: of }));
  return {
    query: {
      where: conditions.length > 1 ? { and: conditions } : (conditions[0] ?? null),
      groupBy: groups.map(({ grouping }) => grouping),
      measures: measures.map(({ field, wanted: of }): Measure => {
        const has = (...names: MeasureName[]) => names.some((name) => of.includes(name));
        return { field: field.name, sum: has('sum', 'avg'), range: has('min', 'max') };
      }),
    },
    groups: groups.map(({ name }) => name),
    measures,
  };
}

/** One object a group: its values, `count`, and `sum`, `avg`, `min`, `max` by field. */
export async function readStatistics(
  runtime: ResourceRuntime,
  request: StatisticsRequest,
): Promise<{ groups: Value[]; side: Route }> {
  const { plan, answer } = await readUnder(runtime, 'list', async (from, state) =>
    ROUTES[from].statistics(runtime.resource, request.query, state),
  );
  return { groups: answered(answer, request), side: plan.from };
}

/** The same of one side, e.g. within a transaction. */
export async function statisticsOfSide(
  resource: BoundResource,
  side: RecordSide,
  request: StatisticsRequest,
): Promise<Value[]> {
  return answered(await statisticsOn(resource, side, request.query), request);
}

/** Groups as the client asked for them, in order. */
export function answered(groups: StatisticsGroup[], request: StatisticsRequest): Value[] {
  refuseTooMany(groups.length);
  return groups.sort((a, b) => byGroup(a.group, b.group)).map((group) => shown(group, request));
}

function byGroup(a: readonly Value[], b: readonly Value[]): number {
  for (const [index, value] of a.entries()) {
    const [x, y] = [sortable(value), sortable(b[index] ?? null)];
    if (x !== y) return x < y ? -1 : 1;
  }
  return 0;
}

/** Null comes last. */
function sortable(value: Value): string {
  if (value === null) return '\uffff';
  return isExactNumber(value) || typeof value === 'number'
    ? numberText(value).padStart(40)
    : String(value as string);
}

function shown({ group, count, measures }: StatisticsGroup, request: StatisticsRequest): Value {
  const answer: Record<string, Value> = Object.fromEntries(
    request.groups.map((name, index) => [name, group[index] ?? null]),
  );
  answer.count = count;
  for (const measure of MEASURES) {
    const fields = request.measures.flatMap(({ name, field, wanted }, index): [string, Value][] => {
      const measured = measures[index];
      if (!measured || !wanted.includes(measure)) return [];
      const { sum, min, max } = measured;
      const values: Record<MeasureName, Value> = { sum, avg: mean(sum, measured.count), min, max };
      return [[name, formOf(field, values[measure])]];
    });
    if (fields.length > 0) answer[measure] = Object.fromEntries(fields);
  }
  return answer;
}

/** Numbers in the form that the field has in its records. */
function formOf({ as }: MappedField, value: Value): Value {
  const isNumber = typeof value === 'number' || isExactNumber(value);
  return as === 'string' && isNumber ? numberText(value) : value;
}

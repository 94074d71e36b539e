import { JoinedGroups } from '../domain/joined-groups.ts';
import type { ValueType } from '../domain/model.ts';
import {
  addNumbers,
  extreme,
  timesNumber,
  type Grouping,
  type Measure,
  type MeasuredField,
  type StatisticsGroup,
  type StatisticsQuery,
} from '../domain/statistics.ts';
import type { Value } from '../domain/values.ts';
import type { Side } from '../domain/words.ts';
import { isOneForm } from './ids.ts';
import type { MappedField, Mapping } from './mapping.ts';

/** Statistics of public fields as a side's store can make them of its columns. */
export interface SideStatistics {
  query: StatisticsQuery;
  /** Groups as the store answered them, with public values. */
  toPublic(groups: readonly StatisticsGroup[]): StatisticsGroup[];
}

const NUMBERS: readonly ValueType[] = ['int', 'bigint', 'decimal', 'float'];
const MOMENTS: readonly ValueType[] = ['timestamp', 'date'];
const NO_GROUPS: readonly ValueType[] = ['json', 'bytes'];

/**
 * What of columns is the same as of the public values, or can be translated afterwards, group by group; else, in words,
 * what cannot.
 */
export function statisticsOnSide(
  mapping: Mapping,
  side: Side,
  query: StatisticsQuery,
): SideStatistics | { cannot: string } {
  const field = (name: string) => mapping.field(name);
  const reasons = [
    ...query.groupBy.map(({ field: name, by }) => GROUPS[by](field(name), side)),
    ...query.measures.map((measure) => measuredReason(field(measure.field), side, measure)),
  ].filter((reason) => reason !== null);
  if (reasons.length > 0) return { cannot: [...new Set(reasons)].join('; ') };
  const onColumn = <T extends { field: string }>(of: T): T => ({
    ...of,
    field: field(of.field)?.columns[side] ?? of.field,
  });
  return {
    query: {
      where: query.where && mapping.condition(side, query.where),
      groupBy: query.groupBy.map(onColumn),
      measures: query.measures.map(onColumn),
    },
    toPublic: (groups) => publicGroups(groups, side, query, field),
  };
}

type FieldOf = (name: string) => MappedField | undefined;

function apart(field: MappedField | undefined, side: Side): string | null {
  if (field && field.columns[side] !== null && !field.children && !field.list) return null;
  return `${side} holds "${field?.name}" together with other fields`;
}

/** Why a side cannot group by a field; null: it can. */
const GROUPS: Readonly<
  Record<Grouping['by'], (field: MappedField | undefined, side: Side) => string | null>
> = {
  // Equal public values may stand in several forms; their groups become one afterwards.
  value: (field, side) =>
    apart(field, side) ??
    (field && NO_GROUPS.includes(field.types[side])
      ? `${side} holds "${field.name}" as ${field.types[side]}, which makes no groups`
      : null),
  day: (field, side) =>
    apart(field, side) ??
    (field && !MOMENTS.includes(field.types[side])
      ? `${side} holds "${field.name}" as ${field.types[side]}, of which it knows no days`
      : null),
};

function measuredReason(field: MappedField | undefined, side: Side, measure: Measure): string | null {
  const reason = apart(field, side);
  if (reason !== null || !field) return reason;
  const type = field.types[side];
  const isTranslated = field.ids !== null && !isOneForm(field.ids);
  const holds = `${side} holds "${field.name}" as ${isTranslated ? 'ids of another form' : type}`;
  const bothIn = (types: readonly ValueType[]) => types.includes(type) && types.includes(field.type);
  // Floats are added as floats: the sum of what the client sees as decimals would be another.
  if (measure.sum && (isTranslated || !bothIn(NUMBERS) || (type === 'float') !== (field.type === 'float')))
    return `${holds}, of which it makes no exact sums`;
  const ordered = !isTranslated && (type === field.type || bothIn(NUMBERS) || bothIn(MOMENTS));
  return measure.range && !ordered ? `${holds}, which has another order` : null;
}

function publicGroups(
  groups: readonly StatisticsGroup[],
  side: Side,
  { groupBy, measures }: StatisticsQuery,
  fieldOf: FieldOf,
): StatisticsGroup[] {
  const joined = new JoinedGroups({ measures }, (name) => fieldOf(name)?.type ?? 'text');
  for (const group of groups) {
    joined.add({
      group: groupBy.map(({ field, by }, index) =>
        publicGroup(fieldOf(field), by, side, group.group[index] ?? null),
      ),
      count: group.count,
      measures: measures.map((measure, index) =>
        publicMeasure(fieldOf(measure.field), measure, side, group.count, group.measures[index]),
      ),
    });
  }
  return joined.groups;
}

function publicGroup(field: MappedField | undefined, by: Grouping['by'], side: Side, value: Value): Value {
  if (by === 'value') return shown(field, side, value);
  const day = value ?? field?.standard ?? null;
  return typeof day === 'string' ? day.slice(0, 10) : day;
}

/** A standard stands for every missing value, so it counts, and is added, as often as one is missing. */
function publicMeasure(
  field: MappedField | undefined,
  { sum, range }: Measure,
  side: Side,
  rows: number,
  measured: MeasuredField = { count: 0, sum: null, min: null, max: null },
): MeasuredField {
  const type = field?.type ?? 'text';
  const isMoment = MOMENTS.includes(type);
  const end = (value: Value) => (isMoment && value !== null ? shown(field, side, value) : value);
  const own = { ...measured, min: end(measured.min), max: end(measured.max) };
  const standard = field?.standard ?? null;
  const missing = rows - measured.count;
  if (standard === null || missing === 0) return own;
  return {
    count: rows,
    sum: sum ? addNumbers(own.sum, timesNumber(standard, missing)) : null,
    min: range ? extreme(type, -1, own.min, standard) : null,
    max: range ? extreme(type, 1, own.max, standard) : null,
  };
}

function shown(field: MappedField | undefined, side: Side, value: Value): Value {
  return field?.codecs[side] ? field.codecs[side].fromSide(value) : value;
}

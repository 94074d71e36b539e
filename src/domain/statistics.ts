import { Decimal } from 'decimal.js';
import { BanyanError } from './errors.ts';
import type { ValueType } from './model.ts';
import { compareValues } from './order.ts';
import type { Condition } from './query.ts';
import { exactNumber, isExactNumber, numberText, stringifyJson, type Row, type Value } from './values.ts';

/** Sums of many digits stay exact; a mean has 20. */
const Exact = Decimal.clone({ precision: 1_000 });
const MEAN_DIGITS = 20;

/** What makes a group: the values of a field, or the UTC days of a timestamp or date. */
export interface Grouping {
  field: string;
  by: 'value' | 'day';
}

/** What is wanted of a field; its number of values is always told. */
export interface Measure {
  field: string;
  sum: boolean;
  /** Its least and greatest value. */
  range: boolean;
}

/** Statistics of the rows that hold for `where`. Field names are public above the mapping, columns below it. */
export interface StatisticsQuery {
  where: Condition | null;
  groupBy: readonly Grouping[];
  measures: readonly Measure[];
}

/** One group: its values in the order of `groupBy` (a day as `YYYY-MM-DD`), its rows, its measures in their order. */
export interface StatisticsGroup {
  group: Value[];
  count: number;
  measures: MeasuredField[];
}

/** `count`: values that are not null. What was not asked for, or is of no value, is null. */
export interface MeasuredField {
  count: number;
  sum: Value;
  min: Value;
  max: Value;
}

const NUMBERS: ReadonlySet<ValueType> = new Set(['int', 'bigint', 'decimal', 'float']);
const RANGED: ReadonlySet<ValueType> = new Set([...NUMBERS, 'timestamp', 'date', 'time']);
const DAYS: ReadonlySet<ValueType> = new Set(['timestamp', 'date']);

/** What a field of a type can be asked for. */
export function statisticsOf(type: ValueType, list: boolean) {
  return {
    sum: !list && NUMBERS.has(type),
    range: !list && RANGED.has(type),
    day: !list && DAYS.has(type),
    group: !list && type !== 'json' && type !== 'bytes',
  };
}

/** Groups of one answer, at the most. */
const MOST_GROUPS = 10_000;

export function refuseTooMany(groups: number): void {
  if (groups <= MOST_GROUPS) return;
  const message = `there are ${groups} groups, more than ${MOST_GROUPS}: group by less, or filter`;
  throw new BanyanError('invalid-query', message, { details: { problems: [message] } });
}

/** The text under which equal groups are the same. */
export function groupKey(group: readonly Value[]): string {
  return stringifyJson(group);
}

/** Groups folded from records or rows, for a side that cannot do it by itself; exact like any other. */
export class Fold {
  private readonly groups = new Map<string, StatisticsGroup>();
  private readonly query: StatisticsQuery;
  private readonly typeOf: (field: string) => ValueType;

  constructor(query: StatisticsQuery, typeOf: (field: string) => ValueType) {
    this.query = query;
    this.typeOf = typeOf;
  }

  add(row: Row): void {
    const group = this.query.groupBy.map(({ field, by }) => grouped(row[field] ?? null, by));
    const key = groupKey(group);
    const found = this.groups.get(key) ?? emptyGroup(group, this.query);
    this.groups.set(key, found);
    found.count += 1;
    this.query.measures.forEach(({ field, sum, range }, index) => {
      const value = row[field] ?? null;
      const measured = found.measures[index] as MeasuredField;
      if (value === null) return;
      measured.count += 1;
      if (sum) measured.sum = addNumbers(measured.sum, value);
      if (!range) return;
      // A text that is no number is refused also where there is nothing to compare it with.
      if (typeof value === 'string') compareValues(this.typeOf(field), value, value);
      measured.min = extreme(this.typeOf(field), -1, measured.min, value);
      measured.max = extreme(this.typeOf(field), 1, measured.max, value);
    });
  }

  get result(): StatisticsGroup[] {
    return [...this.groups.values()];
  }
}

function grouped(value: Value, by: Grouping['by']): Value {
  return by === 'day' && typeof value === 'string' ? value.slice(0, 10) : value;
}

export function emptyGroup(group: Value[], { measures }: Pick<StatisticsQuery, 'measures'>): StatisticsGroup {
  return { group, count: 0, measures: measures.map(() => ({ count: 0, sum: null, min: null, max: null })) };
}

/** The lesser (-1) or greater (1) of two values; null is none. */
export function extreme(type: ValueType, way: 1 | -1, a: Value, b: Value): Value {
  if (a === null || b === null) return a ?? b;
  return compareValues(type, a, b) * way >= 0 ? a : b;
}

/** The sum of two numbers, exact; null is none. With NaN or an infinity it is what Postgres makes of it. `sign`: -1 takes the second away. */
export function addNumbers(a: Value, b: Value, sign: 1 | -1 = 1): Value {
  if (b === null) return a;
  return valueOf(exact(a ?? 0).plus(exact(b).times(sign)));
}

/** A number so many times, exact; null is none. */
export function timesNumber(value: Value, times: number): Value {
  return value === null ? null : valueOf(exact(value).times(times));
}

/** The mean of values, or null where there is none. */
export function mean(sum: Value, count: number): Value {
  if (sum === null || count === 0) return null;
  return valueOf(exact(sum).div(count).toSignificantDigits(MEAN_DIGITS));
}

/** NaN and the infinities have no digits: they are text, as in a record. */
function valueOf(number: Decimal): Value {
  return number.isFinite() ? exactNumber(number.toFixed()) : number.toString();
}

function exact(value: Value): Decimal {
  const text = typeof value === 'number' || isExactNumber(value) ? numberText(value) : String(value);
  try {
    return new Exact(text);
  } catch (error) {
    const shown = text.length > 40 ? `${text.slice(0, 40)}…` : text;
    throw new BanyanError(
      'store-answer',
      `a column of numbers holds ${JSON.stringify(shown)}, which is none: there is no sum with it`,
      { cause: error },
    );
  }
}

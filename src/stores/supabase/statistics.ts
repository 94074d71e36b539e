import { BanyanError, isBanyanError } from '../../domain/errors.ts';
import { JoinedGroups } from '../../domain/joined-groups.ts';
import type { ColumnSpec, ValueType } from '../../domain/model.ts';
import { afterRow, type Condition } from '../../domain/query.ts';
import {
  addNumbers,
  refuseTooMany,
  type Grouping,
  type Measure,
  type MeasuredField,
  type StatisticsGroup,
  type StatisticsQuery,
} from '../../domain/statistics.ts';
import type { Value } from '../../domain/values.ts';
import { filterOf, type Columns, type Filter } from './conditions.ts';
import type { Builder, Native, Query } from './requests.ts';
import { columnName, columnReader, selectItem, textReader } from './values.ts';

/** One answer of the server: rows that it makes of groups. It may have been cut without a word. */
export type AskGroups = (
  build: (from: Builder) => Query,
  filter: NonNullable<Filter>,
) => Promise<{ rows: Native[]; isWhole: boolean }>;

/** What is left to be asked for: rows that hold for a condition, of which some groupings are known already. */
interface Share {
  where: Condition | null;
  known: ReadonlyMap<number, Value>;
  /** Groupings by day whose rows without one are asked for elsewhere. */
  dated: ReadonlySet<number>;
}

/** The UTC days in which timestamps lie; null: there is none. */
type Days = [first: string, last: string] | null;

const DAY = 86_400_000;

/**
 * Statistics as aggregates of PostgREST, without fetching rows. Groups are rows to it, and it cuts long answers: what
 * may be cut is asked for again in shares, by halves of its days or from the last group on, until all of it is whole.
 *
 * Its GROUP BY takes an alias where there is one, else the bare column: an alias groups by the cast (a day), and a cast
 * without one only shows the value. No column of a table may have the name of an alias; so they are long.
 */
export class Aggregates {
  readonly #query: StatisticsQuery;
  readonly #columns: Columns;
  readonly #ask: AskGroups;
  readonly #joined: JoinedGroups;

  constructor(query: StatisticsQuery, columns: Columns, ask: AskGroups) {
    this.#query = query;
    this.#columns = columns;
    this.#ask = ask;
    this.#joined = new JoinedGroups(query, (field) => this.#column(field).type);
  }

  async read(): Promise<StatisticsGroup[]> {
    await this.#share({ where: this.#query.where, known: new Map(), dated: new Set() });
    return this.#joined.groups;
  }

  async #share(share: Share): Promise<void> {
    const filter = filterOf(share.where, this.#columns);
    if (!filter) return;
    const { rows, isWhole } = await this.#ask((from) => from.select(this.#select(share)), filter);
    if (isWhole || this.#open(share).length === 0 || (await this.#isAll(share, filter, rows.length)))
      return this.#take(rows, share);
    const day = this.#open(share).find(([, grouping]) => this.#isCast(grouping));
    if (day) await this.#halves(share, ...day);
    else await this.#pages(share);
  }

  /** Whether there is no group beyond so many; an order is not needed to know that. */
  async #isAll(share: Share, filter: NonNullable<Filter>, groups: number): Promise<boolean> {
    const beyond = await this.#ask((from) => from.select(this.#select(share)).range(groups, groups), filter);
    return beyond.rows.length === 0;
  }

  /** Half of the days, and the other half: in the end a day each. What has none is a share of its own. */
  async #halves({ where, known, dated }: Share, index: number, { field }: Grouping): Promise<void> {
    const share = (part: Condition, day?: string | null): Share => ({
      where: and(where, part),
      known: day === undefined ? known : new Map([...known, [index, day]]),
      dated: new Set([...dated, index]),
    });
    if (!dated.has(index)) await this.#share(share({ field, op: 'null', value: true }, null));
    const days = await this.#days(where, field);
    if (!days) return;
    const [first, last] = days;
    if (first === last) return await this.#share(share({ field, op: 'null', value: false }, first));
    const middle = `${middleDay(first, last)}T00:00:00.000Z`;
    await this.#share(share({ field, op: 'lt', value: middle }));
    await this.#share(share({ field, op: 'gte', value: middle }));
  }

  async #days(where: Condition | null, field: string): Promise<Days> {
    const filter = filterOf(and(where, { field, op: 'null', value: false }), this.#columns);
    if (!filter) return null;
    const ends = this.#ends(field, 0).join(',');
    const { rows } = await this.#ask((from) => from.select(ends), filter);
    const read = textReader('timestamp');
    const [first, last] = [ALIAS.min(0), ALIAS.max(0)].map((alias) => read(rows[0]?.[alias]));
    if (typeof first !== 'string' || typeof last !== 'string') return null;
    for (const end of [first, last])
      if (Number.isNaN(Date.parse(end)))
        throw new BanyanError('statistics-unavailable', `column "${field}" holds "${end}", which has no day`);
    return [first.slice(0, 10), last.slice(0, 10)];
  }

  /** Page after page in the order of the groups' values. */
  async #pages(share: Share): Promise<void> {
    const open = this.#open(share);
    const sort = open.map(([, { field }]) => ({ field, descending: false }));
    for (let where = share.where; ;) {
      const filter = filterOf(where, this.#columns);
      if (!filter) return;
      const { rows, isWhole } = await this.#ask((from) => {
        const page = from.select(this.#select(share));
        for (const { field } of sort) page.order(columnName(field));
        return page;
      }, filter);
      this.#take(rows, share);
      const last = rows.at(-1);
      if (!last || isWhole) return;
      const values = open.map(([, grouping]) => this.#read(grouping, last));
      where = and(share.where, afterRow(sort, values));
    }
  }

  #take(rows: readonly Native[], { known }: Share): void {
    refuseTooMany(this.#joined.size);
    const { groupBy, measures } = this.#query;
    for (const row of rows) {
      const count = Number(row[ALIAS.rows]);
      if (count === 0 && groupBy.length > 0) continue;
      this.#joined.add({
        group: groupBy.map((grouping, index) =>
          known.has(index) ? (known.get(index) ?? null) : this.#read(grouping, row, index),
        ),
        count,
        measures: measures.map((measure, index) => this.#measured(measure, index, row)),
      });
    }
  }

  #measured({ field }: Measure, index: number, row: Native): MeasuredField {
    const { type } = this.#column(field);
    return {
      count: Number(row[ALIAS.count(index)]),
      sum: addNumbers(null, textReader(sumType(type))(row[ALIAS.sum(index)])),
      min: textReader(type)(row[ALIAS.min(index)]),
      max: textReader(type)(row[ALIAS.max(index)]),
    };
  }

  #read(grouping: Grouping, row: Native, index = this.#query.groupBy.indexOf(grouping)): Value {
    if (this.#isCast(grouping)) return (row[ALIAS.day(index)] ?? null) as Value;
    return columnReader(this.#column(grouping.field))(row[grouping.field] ?? null);
  }

  #select(share: Share): string {
    const groups = this.#open(share).map(([index, grouping]) =>
      this.#isCast(grouping)
        ? `${ALIAS.day(index)}:${columnName(grouping.field)}::date`
        : selectItem(this.#column(grouping.field)),
    );
    const measures = this.#query.measures.flatMap(({ field, sum, range }, index) => [
      `${ALIAS.count(index)}:${columnName(field)}.count()`,
      ...(sum ? [`${ALIAS.sum(index)}:${columnName(field)}.sum()::text`] : []),
      ...(range ? this.#ends(field, index) : []),
    ]);
    return [...new Set(groups), `${ALIAS.rows}:count()`, ...measures].join(',');
  }

  #ends(field: string, index: number): string[] {
    const name = columnName(field);
    return [`${ALIAS.min(index)}:${name}.min()::text`, `${ALIAS.max(index)}:${name}.max()::text`];
  }

  /** The groupings that are not known yet. */
  #open({ known }: Share): [index: number, grouping: Grouping][] {
    return [...this.#query.groupBy.entries()].filter(([index]) => !known.has(index));
  }

  #isCast({ field, by }: Grouping): boolean {
    return by === 'day' && this.#column(field).type === 'timestamp';
  }

  #column(field: string): ColumnSpec {
    return this.#columns.get(field) as ColumnSpec;
  }
}

const ALIAS = {
  rows: 'banyan_rows',
  day: (index: number) => `banyan_day_${index}`,
  count: (index: number) => `banyan_count_${index}`,
  sum: (index: number) => `banyan_sum_${index}`,
  min: (index: number) => `banyan_min_${index}`,
  max: (index: number) => `banyan_max_${index}`,
} as const;

/** A sum may be longer than the type of its column; of floats it is one. */
function sumType(type: ValueType): ValueType {
  return type === 'float' ? 'float' : 'decimal';
}

function and(a: Condition | null, b: Condition): Condition {
  return a ? { and: [a, b] } : b;
}

/** A day after the first one, so that each half is shorter than both. */
function middleDay(first: string, last: string): string {
  const half = Math.floor((Date.parse(last) - Date.parse(first)) / 2 / DAY);
  return new Date(Date.parse(first) + (half + 1) * DAY).toISOString().slice(0, 10);
}

/** How long a server that has refused aggregates is not asked again; ms. */
const REST = 30_000;

/** What a server with its aggregates off has answered: it is given again for a while, without asking it. */
export class Refusal {
  #error: BanyanError | null = null;
  #until = 0;

  async unless<T>(ask: () => Promise<T>): Promise<T> {
    if (this.#error && performance.now() < this.#until) throw this.#error;
    try {
      return await ask();
    } catch (error) {
      if (isBanyanError(error, 'statistics-unavailable')) {
        this.#error = error;
        this.#until = performance.now() + REST;
      }
      throw error;
    }
  }
}

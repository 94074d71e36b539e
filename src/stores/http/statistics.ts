import type { ApiMeasure, ApiStatistics } from '../../domain/configuration.ts';
import { isDocument, type Document } from '../../domain/documents.ts';
import { BanyanError } from '../../domain/errors.ts';
import type { Columns } from '../../domain/evaluate.ts';
import { fitsColumn, readValue } from '../../domain/json-values.ts';
import type { ColumnSpec } from '../../domain/model.ts';
import {
  addNumbers,
  type Grouping,
  type Measure,
  type MeasuredField,
  type StatisticsGroup,
  type StatisticsQuery,
} from '../../domain/statistics.ts';
import type { Value } from '../../domain/values.ts';
import type { Reply } from './channel.ts';
import { splitCondition, type Parameters } from './conditions.ts';
import { at, nonsense, type Asked } from './errors.ts';

/** Statistics as the endpoint of an API makes them, in the words that are declared of it. */
export class ApiStatisticsQuery {
  readonly #query: StatisticsQuery;
  readonly #api: ApiStatistics;
  readonly #columns: Columns;
  readonly #asked: Asked;

  /** Fails with statistics-unavailable where the endpoint is not declared to know all of it. */
  constructor(query: StatisticsQuery, api: ApiStatistics, columns: Columns, asked: Asked) {
    this.#query = query;
    this.#api = api;
    this.#columns = columns;
    this.#asked = asked;
    const missing = this.#missing();
    if (missing !== null) throw undeclared(asked, missing);
  }

  get parameters(): Parameters {
    const { groups, filters, measures } = this.#api;
    const named = this.#query.groupBy.map(({ field, by }) => of(groups?.[by] ?? '', field));
    return [
      ...splitCondition(this.#query.where, filters).parameters,
      ...(groups && named.length > 0 ? ([[groups.parameter, named.join(',')]] satisfies Parameters) : []),
      ...ASKED.flatMap(([name, wanted]): Parameters => {
        const columns = this.#query.measures.filter(wanted).map(({ field }) => field);
        const parameter = measures[name]?.parameter ?? null;
        return parameter === null || columns.length === 0 ? [] : [[parameter, columns.join(',')]];
      }),
    ];
  }

  read({ body }: Reply): StatisticsGroup[] {
    const { list } = this.#api.answers;
    const found = at(body, list);
    const groups = isDocument(found) ? [found] : found;
    if (!Array.isArray(groups) || !groups.every(isDocument))
      throw nonsense(`no groups at "${list}" in the answer`, this.#asked);
    return groups.map((group) => this.#group(group));
  }

  #group(group: Document): StatisticsGroup {
    const count = this.#number(group, this.#api.answers.count);
    return {
      group: this.#query.groupBy.map((grouping) => this.#value(group, grouping)),
      count,
      measures: this.#query.measures.map((measure) => this.#measured(group, measure, count)),
    };
  }

  #value(group: Document, { field, by }: Grouping): Value {
    const { answers } = this.#api;
    const found = at(group, of(by === 'day' ? answers.day : answers.group, field)) ?? null;
    if (by === 'value' || found === null) return readValue(found, this.#column(field));
    if (typeof found === 'string' && DAY.test(found)) return found.slice(0, 10);
    throw nonsense(`no day of "${field}" in a group of the answer`, this.#asked);
  }

  #measured(group: Document, measure: Measure, count: number): MeasuredField {
    const { values } = this.#api.answers;
    const { field, sum, range } = measure;
    const end = (name: 'min' | 'max') => (range ? this.#measure(group, name, this.#column(field)) : null);
    const number = { ...this.#column(field), type: 'decimal' } as const;
    const there = values === null ? count : this.#number(group, of(values, field));
    return {
      count: there,
      sum: sum && there > 0 ? addNumbers(null, this.#measure(group, 'sum', number)) : null,
      min: end('min'),
      max: end('max'),
    };
  }

  #measure(group: Document, name: keyof ApiStatistics['measures'], column: ColumnSpec): Value {
    const value = at(group, of((this.#api.measures[name] as ApiMeasure).answer, column.name)) ?? null;
    if (value === null || fitsColumn(value, column)) return readValue(value, column);
    throw nonsense(`no ${name} of "${column.name}" in a group of the answer`, this.#asked);
  }

  #number(group: Document, path: string): number {
    const found = Number(at(group, path) ?? NaN);
    if (Number.isSafeInteger(found) && found >= 0) return found;
    throw nonsense(`no number at "${path}" in a group of the answer`, this.#asked);
  }

  /** What it is not declared to know, in words; null: nothing. */
  #missing(): string | null {
    const { where, groupBy, measures } = this.#query;
    const { groups, filters, answers } = this.#api;
    if (splitCondition(where, filters).rest) return 'all of these conditions ("filters")';
    for (const { field, by } of groupBy) {
      const known = by === 'day' ? groups?.days : groups?.columns;
      if (!known?.includes(field))
        return by === 'day'
          ? `groups by days of "${field}" ("groups.days")`
          : `groups by "${field}" ("groups.columns")`;
    }
    for (const [name, wanted] of ASKED) {
      const unknown = measures.filter(wanted).find(({ field }) => !this.#knows(name, field));
      if (unknown) return `the ${name} of "${unknown.field}" ("${name}.columns")`;
    }
    const open = measures.find(({ field }) => this.#column(field).nullable);
    return answers.values === null && open
      ? `how many values "${open.field}" has, which may be null ("answers.values")`
      : null;
  }

  #knows(name: keyof ApiStatistics['measures'], field: string): boolean {
    return this.#api.measures[name]?.columns.includes(field) ?? false;
  }

  #column(field: string): ColumnSpec {
    return this.#columns.get(field) as ColumnSpec;
  }
}

const DAY = /^\d{4}-\d\d-\d\d(T|$)/;

/** What each measure of a query asks of the endpoint. */
const ASKED: readonly [keyof ApiStatistics['measures'], (measure: Measure) => boolean][] = [
  ['sum', ({ sum }) => sum],
  ['min', ({ range }) => range],
  ['max', ({ range }) => range],
];

function of(text: string, column: string): string {
  return text.replaceAll('{column}', column);
}

export function undeclared({ title }: Asked, what: string): BanyanError {
  return new BanyanError(
    'statistics-unavailable',
    `${title} is not declared to tell ${what}: see "statistics" of the store's api`,
  );
}

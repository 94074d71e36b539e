import type { ValueType } from './model.ts';
import {
  addNumbers,
  emptyGroup,
  extreme,
  groupKey,
  type MeasuredField,
  type StatisticsGroup,
  type StatisticsQuery,
} from './statistics.ts';
import type { Value } from './values.ts';

/** Groups of several answers as one answer: those of the same values are one group. */
export class JoinedGroups {
  readonly #query: Pick<StatisticsQuery, 'measures'>;
  readonly #typeOf: (field: string) => ValueType;
  readonly #found = new Map<string, StatisticsGroup>();

  constructor(query: Pick<StatisticsQuery, 'measures'>, typeOf: (field: string) => ValueType) {
    this.#query = query;
    this.#typeOf = typeOf;
  }

  get size(): number {
    return this.#found.size;
  }

  get groups(): StatisticsGroup[] {
    return [...this.#found.values()];
  }

  /** The group of these values; an empty one where there is none yet. */
  at(group: Value[]): StatisticsGroup {
    const key = groupKey(group);
    const found = this.#found.get(key) ?? emptyGroup(group, this.#query);
    this.#found.set(key, found);
    return found;
  }

  add(group: StatisticsGroup): void {
    const into = this.at(group.group);
    into.count += group.count;
    group.measures.forEach((measured, index) => this.join(into, index, measured, 1));
  }

  /** `sign` -1 takes numbers and sums away; of the ends of a range it can say nothing. */
  join(into: StatisticsGroup, index: number, measured: MeasuredField, sign: 1 | -1): void {
    const at = into.measures[index] as MeasuredField;
    const type = this.#typeOf(this.#query.measures[index]?.field ?? '');
    at.count += sign * measured.count;
    at.sum = addNumbers(at.sum, measured.sum, sign);
    if (sign < 0) return;
    at.min = extreme(type, -1, at.min, measured.min);
    at.max = extreme(type, 1, at.max, measured.max);
  }
}

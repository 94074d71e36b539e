import { sql, type CompiledQuery } from 'kysely';
import { JoinedGroups } from '../../domain/joined-groups.ts';
import {
  addNumbers,
  type MeasuredField,
  type StatisticsGroup,
  type StatisticsQuery,
} from '../../domain/statistics.ts';
import type { Value } from '../../domain/values.ts';
import { conditionOf } from './conditions.ts';
import { named, type Answer, type Dialect } from './dialect.ts';

/** One statement for the groups and their measures. */
export function statisticsQuery(
  dialect: Dialect,
  { where, groupBy, measures }: StatisticsQuery,
): CompiledQuery {
  const groups = groupBy.map(({ field, by }) => {
    const column = dialect.column(field, 'invalid-query');
    return by === 'day' ? dialect.day(column) : dialect.grouped(column);
  });
  const measured = measures.flatMap(({ field, sum, range }, index) => {
    const column = dialect.column(field, 'invalid-query');
    return [
      sql`count(${named(field)})`.as(`c${index}`),
      ...(sum ? [dialect.sum(column).as(`s${index}`)] : []),
      ...(range ? (['min', 'max'] as const).map((end) => dialect.end(column, end).as(`${end}${index}`)) : []),
    ];
  });
  let query = dialect.builder
    .selectFrom(dialect.spec.name)
    .select([...groups.map((group, index) => group.as(`g${index}`)), sql`count(*)`.as('n'), ...measured]);
  if (where) query = query.where(conditionOf(dialect, where));
  return (groups.length > 0 ? query.groupBy(groups) : query).compile();
}

/** Groups as they were answered; those that a database holds in two forms of the same value become one. */
export function readStatistics(
  dialect: Dialect,
  { groupBy, measures }: StatisticsQuery,
  rows: Answer['rows'],
): StatisticsGroup[] {
  const joined = new JoinedGroups({ measures }, (field) => dialect.column(field, 'invalid-query').type);
  for (const row of rows) {
    const group = groupBy.map(({ field, by }, index): Value => {
      const cell = row[`g${index}`] ?? null;
      return by === 'day' ? (cell as Value) : dialect.value(dialect.column(field, 'invalid-query'), cell);
    });
    joined.add({
      group,
      count: Number(row.n),
      measures: measures.map(({ field }, index): MeasuredField => {
        const column = dialect.column(field, 'invalid-query');
        const sum = (row[`s${index}`] ?? null) as Value;
        return {
          count: Number(row[`c${index}`]),
          sum: addNumbers(null, sum),
          min: dialect.value(column, row[`min${index}`] ?? null),
          max: dialect.value(column, row[`max${index}`] ?? null),
        };
      }),
    });
  }
  return joined.groups;
}

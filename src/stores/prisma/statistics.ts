import type { StatisticsGroup, StatisticsQuery } from '../../domain/statistics.ts';
import type { Sql } from '../../domain/sql.ts';
import type { Row, Value } from '../../domain/values.ts';
import { quote, type StatementParts } from './conditions.ts';

/** One statement: groups by values or days, and their measures. Sums are Postgres' own and exact but for floats. */
export async function readStatistics(
  sql: Sql,
  table: string,
  parts: StatementParts,
  { where, groupBy, measures }: StatisticsQuery,
): Promise<StatisticsGroup[]> {
  const condition = parts.where(where);
  const groups = groupBy.map(({ field, by }) => {
    const name = quote(parts.column(field).name);
    // The session is in UTC, so this holds for columns with and without a time zone.
    return by === 'day' ? `to_char(${name}, 'YYYY-MM-DD')` : name;
  });
  const fields = measures.flatMap(({ field, sum, range }, index) => {
    const name = quote(parts.column(field).name);
    return [
      `count(${name}) AS c${index}`,
      ...(sum ? [`sum(${name}) AS s${index}`] : []),
      ...(range ? [`min(${name}) AS l${index}`, `max(${name}) AS h${index}`] : []),
    ];
  });
  const list = [...groups.map((text, index) => `${text} AS g${index}`), 'count(*) AS n', ...fields].join(
    ', ',
  );
  const by = groups.length > 0 ? ` GROUP BY ${groups.join(', ')}` : '';
  const { rows } = await sql.query<Row>(`SELECT ${list} FROM ${table}${condition}${by}`, parts.parameters);
  return rows.map((row) => ({
    group: groups.map((_, index) => row[`g${index}`] as Value),
    count: row.n as number,
    measures: measures.map((_, index) => ({
      count: row[`c${index}`] as number,
      sum: row[`s${index}`] ?? null,
      min: row[`l${index}`] ?? null,
      max: row[`h${index}`] ?? null,
    })),
  }));
}

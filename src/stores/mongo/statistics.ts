import type { Document } from 'mongodb';
import type { ColumnSpec } from '../../domain/model.ts';
import type { StatisticsGroup, StatisticsQuery } from '../../domain/statistics.ts';
import type { Value } from '../../domain/values.ts';
import { filterOf, type Columns } from './conditions.ts';
import { plain } from './plain.ts';
import { readColumn } from './values.ts';

/** Stages that group the documents in the server; null where no document can hold for the condition. */
export function statisticsStages(
  { where, groupBy, measures }: StatisticsQuery,
  columns: Columns,
): Document[] | null {
  const filter = filterOf(where, columns);
  if (filter === null) return null;
  const groups = groupBy.map(({ field, by }, index) => {
    // Null and missing are one group, as they are one to a filter.
    const value = { $ifNull: [`$${field}`, null] };
    const day = { $dateToString: { date: `$${field}`, format: '%Y-%m-%d', timezone: 'UTC', onNull: null } };
    return [`g${index}`, by === 'day' && columns.get(field)?.type === 'timestamp' ? day : value];
  });
  const fields = measures.flatMap(({ field, sum, range }, index) => {
    const there = { $cond: [{ $eq: [{ $ifNull: [`$${field}`, null] }, null] }, 0, 1] };
    return [
      [`c${index}`, { $sum: there }],
      ...(sum ? [[`s${index}`, { $sum: `$${field}` }]] : []),
      ...(range
        ? [
            [`l${index}`, { $min: `$${field}` }],
            [`h${index}`, { $max: `$${field}` }],
          ]
        : []),
    ];
  });
  const group = {
    _id: Object.fromEntries(groups) as Document,
    n: { $sum: 1 },
    ...(Object.fromEntries(fields) as Document),
  };
  return [{ $match: filter }, { $group: group }];
}

export function readStatistics(
  documents: readonly Document[],
  { groupBy, measures }: StatisticsQuery,
  columns: Columns,
): StatisticsGroup[] {
  const value = (native: unknown, field: string): Value =>
    readColumn(native, columns.get(field) as ColumnSpec).value;
  return documents.map((document) => ({
    group: groupBy.map(({ field, by }, index) => {
      const native = (document._id as Document)[`g${index}`] as unknown;
      return by === 'day' ? plain(native ?? null) : value(native, field);
    }),
    count: Number(document.n),
    measures: measures.map(({ field, sum }, index) => {
      const count = Number(document[`c${index}`]);
      return {
        count,
        sum: sum && count > 0 ? plain(document[`s${index}`]) : null,
        min: value(document[`l${index}`], field),
        max: value(document[`h${index}`], field),
      };
    }),
  }));
}

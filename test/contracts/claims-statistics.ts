import { Fold, type StatisticsGroup, type StatisticsQuery } from '../../src/domain/statistics.ts';
import { exactNumber } from '../../src/domain/values.ts';
import { thingsOf } from './rows.ts';
import type { Claim, Needs } from './store-contract.ts';

const capable: Needs = {
  capability: ({ statistics }) =>
    statistics || 'the store makes no statistics: rows are folded by whoever wants them',
};

const ROWS = [
  { name: 'a', small: 3, amount: exactNumber('0.1'), at: '2026-01-01T23:59:59.999Z', active: true },
  { name: 'a', small: 5, amount: exactNumber('0.2'), at: '2026-01-02T00:00:00.000Z', active: false },
  { name: 'b', small: null, amount: exactNumber('1234567890123456789.25'), at: null, active: true },
  { name: 'b', small: -2, amount: null, at: '2026-01-02T12:00:00.000Z', active: null },
];

/** Groups in one order; what differs in nothing else is the same. */
const ordered = (groups: StatisticsGroup[]) => groups.map((group) => JSON.stringify(group)).sort();

export function statisticsClaims(claim: Claim): void {
  const queries: Readonly<Record<string, Omit<StatisticsQuery, 'where'>>> = {
    'of everything': { groupBy: [], measures: [{ field: 'small', sum: true, range: true }] },
    'exact to the last digit': { groupBy: [], measures: [{ field: 'amount', sum: true, range: true }] },
    'by a field': {
      groupBy: [{ field: 'name', by: 'value' }],
      measures: [{ field: 'amount', sum: true, range: false }],
    },
    'by a field that may be null': { groupBy: [{ field: 'active', by: 'value' }], measures: [] },
    'by day, in UTC': {
      groupBy: [{ field: 'at', by: 'day' }],
      measures: [{ field: 'at', sum: false, range: true }],
    },
    'by exact numbers': { groupBy: [{ field: 'amount', by: 'value' }], measures: [] },
    'by two': {
      groupBy: [
        { field: 'name', by: 'value' },
        { field: 'at', by: 'day' },
      ],
      measures: [{ field: 'small', sum: true, range: true }],
    },
  };
  for (const [title, query] of Object.entries(queries)) {
    claim(`statistics ${title} are what its rows say`, capable, async (t, { things }) => {
      await things.upsertMany(thingsOf(things, ROWS));
      const types = new Map(things.spec.columns.map(({ name, type }) => [name, type]));
      for (const where of [null, { field: 'name', op: 'eq', value: 'b' } as const]) {
        const fold = new Fold({ ...query, where }, (field) => types.get(field) ?? 'text');
        const { rows } = await things.list({
          where,
          sort: [{ field: 'id', descending: false }],
          limit: 10,
          offset: 0,
          total: false,
        });
        for (const row of rows) fold.add(row);
        t.same(ordered((await things.statistics?.({ ...query, where })) ?? []), ordered(fold.result));
      }
    });
  }

  claim('an estimate says whether it is one, and what is counted is exact', {}, async (t, { things }) => {
    await things.upsertMany(thingsOf(things, ROWS));
    for (const where of [null, { field: 'name', op: 'eq', value: 'b' } as const]) {
      const estimate = await things.estimate?.(where);
      const count = await things.count(where ?? undefined);
      if (!estimate || estimate.exact) t.equal(estimate?.count ?? count, count);
      else t.ok(Number.isSafeInteger(estimate.count) && estimate.count >= 0, String(estimate.count));
    }
  });

  claim('statistics of no rows have no group, or one of nothing', capable, async (t, { things }) => {
    const measures = [{ field: 'small', sum: true, range: true }];
    const none = (await things.statistics?.({ where: null, groupBy: [], measures })) ?? [];
    t.ok(none.every(({ count }) => count === 0));
    t.same(
      await things.statistics?.({ where: null, groupBy: [{ field: 'name', by: 'value' }], measures }),
      [],
    );
  });
}

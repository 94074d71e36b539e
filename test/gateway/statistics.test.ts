import t from 'tap';
import { NOBODY } from '../../src/domain/callers.ts';
import { readStatisticsQuery } from '../../src/gateway/statistics.ts';
import type { BoundResource } from '../../src/replication/resource.ts';
import { unconnected } from '../harness/bound.ts';

const clients = await unconnected('clients');
const { query } = clients.settings;
const statistics = ['status', 'revenue', 'createdAt', 'tags'];
const resource: BoundResource = {
  ...clients,
  settings: { ...clients.settings, query: { ...query, statistics } },
};
const read = (parameters: Record<string, string>) => readStatisticsQuery(resource, parameters, NOBODY);

t.test('filters, measures and groups are read as they were asked for', (t) => {
  const asked = read({
    status: 'active',
    sum: 'revenue',
    avg: 'revenue',
    max: 'createdAt',
    groupBy: 'status,day(createdAt)',
  });
  t.same(asked.query, {
    where: { field: 'status', op: 'eq', value: 'active' },
    groupBy: [
      { field: 'status', by: 'value' },
      { field: 'createdAt', by: 'day' },
    ],
    measures: [
      { field: 'revenue', sum: true, range: false },
      { field: 'createdAt', sum: false, range: true },
    ],
  });
  t.same(asked.groups, ['status', 'day(createdAt)']);
  t.same(read({}).query, { where: null, groupBy: [], measures: [] }, 'the number of records is always told');
  t.end();
});

const REFUSED: Readonly<Record<string, Record<string, string>>> = {
  '"status" cannot be measured by sum': { sum: 'status' },
  '"name" cannot be measured by min': { min: 'name' },
  '"tags" cannot be grouped by': { groupBy: 'tags' },
  '"revenue" cannot be grouped by day': { groupBy: 'day(revenue)' },
  '"color" is not a filter': { color: 'red' },
};

for (const [message, parameters] of Object.entries(REFUSED)) {
  t.test(`what cannot be told is refused with the reason: ${message}`, (t) => {
    t.throws(() => read(parameters), { code: 'invalid-query', message: new RegExp(message) });
    t.end();
  });
}

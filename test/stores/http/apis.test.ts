import t, { type Test } from 'tap';
import type {
  ApiSettings,
  HttpStoreSettings,
  PrismaStoreSettings,
} from '../../../src/domain/configuration.ts';
import type { StatisticsQuery } from '../../../src/domain/statistics.ts';
import type { Row } from '../../../src/domain/values.ts';
import type { ListQuery } from '../../../src/domain/query.ts';
import type { Table } from '../../../src/stores/contract.ts';
import { HttpStore } from '../../../src/stores/http/store.ts';
import { PrismaStore } from '../../../src/stores/prisma/store.ts';
import { failsWith } from '../../contracts/failing.ts';
import { countersOf, mixed } from '../../contracts/rows.ts';
import { COUNTERS, NOTES, tablesInSql } from '../../contracts/tables.ts';
import { createDatabase, type TestDatabase } from '../../harness/postgres.ts';
import { startRestServer, type RestServer, type RestStyle } from '../../harness/rest-server.ts';

/** An API that knows as little as an API can: pages by number, whole records, and no filter, sort or total. */
const POOR_STYLE: RestStyle = {
  paging: 'page',
  cut: 20,
  filters: [],
  sort: [],
  wrap: { list: (items) => items, record: (record) => record, body: (body) => body as Row },
  wholeRecords: true,
};
const POOR: ApiSettings = {
  path: null,
  paging: { by: 'page', page: 'page', offset: '', cursor: '', size: 'limit', first: 1, next: '', max: 20 },
  answers: { list: '', record: '', total: null, totalHeader: null },
  body: '',
  update: 'PUT',
  conditions: null,
  filters: {},
  sort: null,
  statistics: null,
  errors: { message: 'problem.says', field: 'problem.about', statuses: {} },
};
/** Another one: cursors in links, the total in a header. */
const CURSOR_STYLE: RestStyle = {
  ...POOR_STYLE,
  paging: 'cursor',
  wholeRecords: false,
  totalHeader: 'x-total-count',
  wrap: { ...POOR_STYLE.wrap, list: (items, { next }) => ({ items, links: { next } }) },
};
const CURSOR: ApiSettings = {
  ...POOR,
  paging: { ...POOR.paging, by: 'cursor', cursor: 'cursor', next: 'links.next' },
  answers: { list: 'items', record: '', total: null, totalHeader: 'x-total-count' },
  update: 'PATCH',
};

interface Place {
  /** Behind the API. */
  database: TestDatabase;
  server: RestServer;
  counters: Table;
  notes: Table;
  store: HttpStore;
}

async function start(
  t: Test,
  style: RestStyle,
  api: ApiSettings,
  settings: Partial<HttpStoreSettings> = {},
): Promise<Place> {
  const database = await createDatabase(t);
  await database.query(tablesInSql());
  const behindSettings: PrismaStoreSettings = {
    kind: 'prisma',
    url: database.url,
    ownerUrl: database.url,
    reportsUrl: null,
    schema: '',
    timeout: 20_000,
    deadline: 60_000,
    pool: { max: 10, wait: 10_000 },
    statementTimeout: 20_000,
    slowQueries: null,
  };
  const behind = new PrismaStore('behind', behindSettings, () => undefined);
  const server = await startRestServer(
    [COUNTERS, NOTES].map(({ spec }) => behind.table(spec)),
    style,
  );
  const store = new HttpStore(
    'legacy',
    {
      kind: 'http',
      url: `${server.url}/`,
      headers: { authorization: `Bearer ${server.token}` },
      timeout: 20_000,
      deadline: 60_000,
      pool: { max: 5, wait: 10_000 },
      ping: '/health',
      keys: 'gateway',
      maxRecords: 500,
      api: { default: api, tables: {} },
      ...settings,
    },
    () => undefined,
  );
  t.teardown(async () => {
    await store.close();
    await server.stop();
    await behind.close();
  });
  return { database, server, store, counters: store.table(COUNTERS.spec), notes: store.table(NOTES.spec) };
}

for (const [title, style, api] of [
  ['pages by number, no total', POOR_STYLE, POOR],
  ['cursors in links, a total in a header', CURSOR_STYLE, CURSOR],
] as const) {
  t.test(`an API with ${title} is listed, counted and scanned as any store`, async (t) => {
    const { counters, server, store } = await start(t, style, api);
    t.equal(store.capabilities.exactCount, api === CURSOR);
    await counters.upsertMany(countersOf(mixed(130)));
    t.equal(await counters.count(), 130);
    t.equal(await counters.count({ field: 'value', op: 'eq', value: 3 }), 19);
    const sort = [
      { field: 'value', descending: true },
      { field: 'id', descending: false },
    ];
    const { rows, total } = await counters.list({ where: null, sort, limit: 3, offset: 18, total: true });
    t.same(
      [rows.map(({ id, value }) => [value, id]), total],
      [
        [
          [5, 5],
          [5, 12],
          [5, 19],
        ],
        130,
      ],
    );
    t.notOk(
      server.requests.some((request) => /value|sort/.test(request)),
      'nothing was asked of it that it does not know',
    );
    const keys: string[] = [];
    for (
      let page = await counters.scan(null, 50);
      page.length > 0;
      page = await counters.scan(keys.at(-1) as string, 50)
    )
      keys.push(...page.map(({ id }) => String(id)));
    t.same(
      keys,
      Array.from({ length: 130 }, (_, index) => String(index)),
    );
    t.equal(await counters.highestKey(), '129');
  });
}

t.test('a page that the API cuts shorter than it was asked for is not the end', async (t) => {
  const { counters } = await start(t, { ...POOR_STYLE, cut: 7 }, POOR);
  await counters.upsertMany(countersOf(mixed(40)));
  t.equal(await counters.count(), 40);
});

t.test('whole records are written on condition that nobody changed them: no change is lost', async (t) => {
  const { notes, server } = await start(t, POOR_STYLE, POOR);
  await notes.insert({ code: 'k', body: 'b', rank: 1 });
  await Promise.all([notes.update('k', { body: 'new' }), notes.update('k', { rank: 2 })]);
  t.same((await notes.get(['k'])).get('k'), { code: 'k', body: 'new', rank: 2 });
  t.ok(
    server.requests.some((request) => request.startsWith('PUT')) &&
      !server.requests.some((request) => request.startsWith('PATCH')),
  );
});

t.test(
  'what would have to be read as a whole is refused when it is too much, with what the API knows',
  async (t) => {
    const { counters } = await start(
      t,
      POOR_STYLE,
      { ...POOR, filters: { label: { eq: 'label' } } },
      { maxRecords: 30 },
    );
    await counters.upsertMany(countersOf(mixed(40)));
    const where = { field: 'value', op: 'gt', value: 3 } as const;
    const query = { where, sort: [{ field: 'id', descending: false }], limit: 5, offset: 0, total: false };
    const error = await failsWith(t, 'too-many-records', counters.list(query));
    t.match(error.message, /30 records \(maxRecords\)/);
    t.same(error.details, { filters: ['label'], sort: [] });
    t.equal((await counters.scan(null, 100)).length, 40, 'a scan reads all of it');
  },
);

t.test('statistics are a total, or what the endpoint is declared to know; the rest is refused', async (t) => {
  const stats = { sum: null, min: null, max: null } as const;
  const endpoint: ApiSettings['statistics'] = {
    path: '/contract_counters/stats',
    filters: {},
    groups: { parameter: 'by', value: '{column}', day: '{column}:day', columns: ['value'], days: [] },
    measures: { ...stats, sum: { parameter: 'sum', columns: ['value'], answer: 'sum.{column}' } },
    answers: { list: 'data', count: 'n', values: null, group: '{column}', day: '{column}' },
  };
  const style = { ...CURSOR_STYLE, statistics: true };
  const plain = await start(t, CURSOR_STYLE, CURSOR);
  const { counters, server } = await start(t, style, { ...CURSOR, statistics: endpoint });
  for (const table of [plain.counters, counters]) await table.upsertMany(countersOf(mixed(45)));
  plain.server.requests.length = server.requests.length = 0;
  const everything = { where: null, groupBy: [], measures: [] } as const;
  t.same(await plain.counters.statistics?.(everything), [{ group: [], count: 45, measures: [] }]);
  t.same(plain.server.requests, ['GET /contract_counters?limit=1'], 'one record for the total');
  const groupBy = [{ field: 'value', by: 'value' }] as const;
  const measures = [{ field: 'value', sum: true, range: false }];
  const groups = (await counters.statistics?.({ where: null, groupBy, measures })) ?? [];
  t.equal(groups.length, 7);
  t.same(
    groups.find(({ group }) => group[0] === 3),
    { group: [3], count: 6, measures: [{ count: 6, sum: 18, min: null, max: null }] },
  );
  t.same(server.requests, ['GET /contract_counters/stats?by=value&sum=value']);
  const refused = async (query: Partial<StatisticsQuery>, of = counters) =>
    (
      await failsWith(
        t,
        'statistics-unavailable',
        of.statistics?.({ ...everything, ...query }) as Promise<unknown>,
      )
    ).message;
  t.match(await refused({ groupBy }, plain.counters), /see "statistics" of the store's api/);
  t.match(await refused({ groupBy: [{ field: 'label', by: 'value' }] }), /groups by "label"/);
  t.match(await refused({ measures: [{ field: 'value', sum: false, range: true }] }), /the min of "value"/);
  t.match(await refused({ where: { field: 'value', op: 'eq', value: 3 } }), /conditions \("filters"\)/);
  t.match(await refused({ measures: [{ field: 'label', sum: false, range: false }] }), /"answers.values"/);
  t.equal(server.requests.length, 1, 'and nothing was asked for what is refused');
});

t.test(
  'an API that draws its keys itself: the key comes with its answer, and no other can be made',
  async (t) => {
    const { counters, store } = await start(t, { ...POOR_STYLE, drawsKeys: true }, POOR, { keys: 'store' });
    t.equal(store.capabilities.assignsKeys, 'store-only');
    const made = await counters.insert({ label: 'a' });
    t.equal((await counters.get([String(made.id)])).get(String(made.id))?.label, 'a');
    const error = await failsWith(t, 'constraint-violated', counters.upsertMany(countersOf([4711])));
    t.match(error.message, /draws its keys itself, so that "4711" cannot be made/);
    await counters.upsertMany([{ id: made.id as number, label: 'changed', value: 1 }]);
    t.equal(await counters.count(), 1);
  },
);

t.test(
  'where an API has an order of text of its own, text is sorted and compared by its bytes here',
  async (t) => {
    const style = {
      ...POOR_STYLE,
      paging: 'offset',
      filters: ['body_gt', 'rank_gt'],
      sort: ['body'],
    } as const;
    const sort = {
      parameter: 'sort',
      ascending: '{column}',
      descending: '-{column}',
      columns: ['body', 'code'],
    };
    const api: ApiSettings = {
      ...POOR,
      paging: { ...POOR.paging, by: 'offset', offset: 'offset' },
      filters: { body: { gt: 'body_gt' }, rank: { gt: 'rank_gt' } },
      sort,
    };
    const byBody = [
      { field: 'body', descending: false },
      { field: 'code', descending: false },
    ];
    const beyond = {
      and: [{ field: 'body', op: 'gt', value: 'C' } as const, { field: 'rank', op: 'gt', value: 0 } as const],
    };
    const asked = { where: beyond, sort: byBody, limit: 5, offset: 0, total: true, collation: 'C' };
    const { database, notes, server, store } = await start(t, style, api);
    await database.query('ALTER TABLE contract_notes ALTER body TYPE text COLLATE "en-US-x-icu"');
    await notes.upsertMany(['a', 'B', 'c', 'D'].map((body, rank) => ({ code: body, body, rank })));
    const bodies = async (query: ListQuery) => (await notes.list(query)).rows.map(({ body }) => body);
    t.same(await bodies({ ...asked, where: null }), ['B', 'D', 'a', 'c']);
    t.same(await notes.list(asked).then(({ total }) => total), 2, 'c and D');
    t.same(await bodies(asked), ['D', 'c']);
    t.equal(await notes.count(beyond, 'C'), 2);
    t.equal(store.capabilities.textOrder, null);
    t.notOk(
      server.requests.some((request) => /sort|body_gt/.test(request)),
      'the API was not asked for its order',
    );
    t.ok(
      server.requests.some((request) => request.includes('rank_gt')),
      'but for what has none',
    );
    t.same(await bodies({ ...asked, where: null, collation: undefined }), ['a', 'B', 'c', 'D']);

    const declared = await start(t, style, { ...api, sort: { ...sort, collation: 'C.UTF-8' } });
    t.equal(declared.store.capabilities.textOrder, 'C.UTF-8');
    await declared.notes.list(asked);
    t.ok(
      declared.server.requests.some((request) => /sort=body.*body_gt=C|body_gt=C.*sort=body/.test(request)),
      'one that goes by bytes is asked for all of it',
    );
  },
);

t.test('errors are what the settings say they are, with message and field', async (t) => {
  const { counters } = await start(t, POOR_STYLE, {
    ...POOR,
    errors: { ...POOR.errors, statuses: { 409: 'write-conflict' } },
  });
  await counters.insert({ id: 1, label: 'x' });
  t.match((await failsWith(t, 'write-conflict', counters.insert({ id: 2, label: 'x' }))).details, {
    field: 'label',
  });
  const refused = await failsWith(t, 'constraint-violated', counters.insert({ id: 3, value: null }));
  t.match(refused.message, /HTTP 422: .*value/);
});

t.test('an answer that is not what the settings say is an error, and after a write a doubt', async (t) => {
  const { counters } = await start(t, POOR_STYLE, { ...POOR, answers: { ...POOR.answers, list: 'data' } });
  t.match((await failsWith(t, 'store-answer', counters.count())).message, /no list of records at "data"/);
  const wrong = await start(
    t,
    { ...POOR_STYLE, wrap: { ...POOR_STYLE.wrap, record: () => ({ done: true, id: 'x' }) } },
    { ...POOR, answers: { ...POOR.answers, record: 'data' } },
  );
  const error = await failsWith(t, 'outcome-unknown', wrong.notes.insert({ code: 'n' }));
  t.equal(error.outcome, 'unknown');
});

for (const [title, style, api] of [
  [
    'takes a filter with a change',
    { ...CURSOR_STYLE, filters: ['body'] },
    { ...CURSOR, conditions: 'filters' },
  ],
  ['takes whole records, by their ETag', POOR_STYLE, { ...POOR, conditions: 'etag' }],
] as const) {
  t.test(`a condition on a write is part of it, where an API ${title}`, async (t) => {
    const { notes, server, store } = await start(t, style, { ...api, filters: { body: { eq: 'body' } } });
    t.equal(store.capabilities.conditionalWrites, true);
    const mine = { field: 'body', op: 'eq', value: 'mine' } as const;
    await notes.insert({ code: 'a', body: 'mine' });
    await notes.insert({ code: 'b', body: 'theirs' });
    server.requests.length = 0;
    t.equal(await notes.update('b', { rank: 1 }, mine), null);
    t.match(await notes.update('a', { rank: 1 }, mine), { code: 'a', body: 'mine', rank: 1 });
    t.equal(await notes.remove('b', mine), false);
    t.equal(await notes.remove('a', mine), true);
    t.same(await notes.scanKeys(null, 10), ['b']);
    if (api.conditions === 'filters')
      t.same(
        server.requests.slice(0, 2).map((request) => request.replace(/^(\w+) .*\?/, '$1 ?')),
        ['PATCH ?body=mine', 'PATCH ?body=mine'],
        'without a look before',
      );
  });
}

t.test('an API that was declared to have ETags and has none is told, and nothing is written', async (t) => {
  const { notes, store } = await start(
    t,
    { ...CURSOR_STYLE, noTags: true },
    { ...CURSOR, conditions: 'etag' },
  );
  t.equal(store.capabilities.conditionalWrites, true);
  await notes.insert({ code: 'a', body: 'mine' });
  const write = notes.update('a', { rank: 1 }, { field: 'body', op: 'eq', value: 'mine' });
  t.match((await failsWith(t, 'store-answer', write)).message, /no ETag/);
  t.match((await notes.get(['a'])).get('a'), { rank: null });
});

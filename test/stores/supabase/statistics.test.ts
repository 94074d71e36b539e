import { randomInt } from 'node:crypto';
import t from 'tap';
import type { SupabaseStoreSettings } from '../../../src/domain/configuration.ts';
import { Fold, type StatisticsGroup, type StatisticsQuery } from '../../../src/domain/statistics.ts';
import { exactNumber, type Row } from '../../../src/domain/values.ts';
import { Random } from '../../../src/quickstart/random.ts';
import { startSupabaseLite, type SupabaseLiteOptions } from '../../../src/quickstart/supabase-lite.ts';
import { SupabaseStore } from '../../../src/stores/supabase/store.ts';
import { failsWith } from '../../contracts/failing.ts';
import { thingsOf } from '../../contracts/rows.ts';
import { emptyInSql, tablesInSql, THINGS } from '../../contracts/tables.ts';
import { createDatabase } from '../../harness/postgres.ts';
import { answering, SPEC } from './answering.ts';

const database = await createDatabase(t);
await database.query(tablesInSql());
const KEY = 'sb_secret_of_statistics';

async function serve(changes: Partial<SupabaseLiteOptions>) {
  const server = await startSupabaseLite({ databaseUrl: database.url, secretKey: KEY, ...changes });
  const settings: SupabaseStoreSettings = {
    kind: 'supabase',
    url: server.url,
    key: KEY,
    timeout: 20_000,
    deadline: 60_000,
    pool: { max: 5, wait: 10_000 },
  };
  const store = new SupabaseStore('erp-legacy', settings, () => undefined);
  t.teardown(async () => {
    await store.close();
    await server.stop();
  });
  return store.table(THINGS.spec);
}

const whole = await serve({});
const cut = await serve({ maxRows: 3 });

const ordered = (groups: readonly StatisticsGroup[]) => groups.map((group) => JSON.stringify(group)).sort();
const value = (field: string) => ({ field, by: 'value' }) as const;
const day = (field: string) => ({ field, by: 'day' }) as const;
const GROUPS: readonly StatisticsQuery['groupBy'][] = [
  [],
  [value('name')],
  [value('small'), value('active')],
  [day('at')],
  [day('day')],
  [value('name'), day('at')],
  [day('at'), day('local_at')],
];
const measures = [
  { field: 'small', sum: true, range: true },
  { field: 'amount', sum: true, range: true },
  { field: 'at', sum: false, range: true },
];

t.test('groups beyond what the server answers at once are all there', async (t) => {
  const seed = Number(process.env.SEED ?? randomInt(1_000_000));
  t.comment(`SEED=${seed}`);
  const random = new Random(seed);
  const types = new Map(THINGS.spec.columns.map(({ name, type }) => [name, type]));
  const maybe = <T>(given: T) => (random.chance(0.2) ? null : given);
  const date = () => `2026-0${random.int(1, 3)}-0${random.int(1, 3)}`;
  const rows = Array.from({ length: 40 }, (): Row => ({
    name: `n ${random.int(0, 9)}`,
    small: maybe(random.int(-3, 3)),
    amount: maybe(exactNumber(`${random.int(-99, 99)}.5`)),
    active: maybe(random.chance(0.5)),
    at: maybe(`${date()}T${random.pick(['00:00:00.000', '23:59:59.999'])}Z`),
    local_at: maybe(`${date()}T12:00:00.000Z`),
    day: maybe(date()),
  }));
  await database.query(emptyInSql());
  await whole.upsertMany(thingsOf(whole, rows));
  for (const groupBy of GROUPS) {
    const where = random.pick([null, { field: 'small', op: 'gte', value: 0 } as const]);
    const query = { where, groupBy, measures };
    const fold = new Fold(query, (field) => types.get(field) ?? 'text');
    for (const row of rows) if (!where || Number(row.small ?? -1) >= 0) fold.add(row);
    for (const [title, table] of [
      ['cut', cut],
      ['whole', whole],
    ] as const)
      t.same(
        ordered((await table.statistics?.(query)) ?? []),
        ordered(fold.result),
        `${title}: ${JSON.stringify(groupBy)}`,
      );
  }
});

t.test('a server with its aggregates off is told from others, with what turns them on', async (t) => {
  const off = await serve({ aggregates: false });
  const error = await failsWith(
    t,
    'statistics-unavailable',
    off.statistics?.({ where: null, groupBy: [], measures }) as Promise<unknown>,
  );
  t.match(
    error.message,
    "ALTER ROLE authenticator SET pgrst.db_aggregates_enabled = 'true'; NOTIFY pgrst, 'reload config'",
  );
});

t.test('it is not asked again for a while, whatever the table', async (t) => {
  const body = JSON.stringify({ code: 'PGRST123', message: 'Use of aggregate functions is not allowed' });
  const { store, received } = await answering(t, () => ({ status: 400, body }));
  const query = { where: null, groupBy: [], measures: [] };
  for (const table of [store.table(SPEC), store.table({ ...SPEC, name: 'other' })])
    await failsWith(t, 'statistics-unavailable', table.statistics?.(query) as Promise<unknown>);
  t.equal(received.length, 1);
});

t.test(
  'PostgREST is asked for aggregates with casts that keep them exact, and for days of UTC',
  async (t) => {
    const { store, received } = await answering(t, () => ({ body: '[]' }));
    const columns = [
      ...SPEC.columns,
      { name: 'at', type: 'timestamp', list: false, nullable: true } as const,
    ];
    await store.table({ ...SPEC, columns }).statistics?.({
      where: { field: 'name', op: 'null', value: false },
      groupBy: [value('big'), day('at')],
      measures: [{ field: 'big', sum: true, range: true }],
    });
    const [request] = received;
    t.equal(
      request?.url.searchParams.get('select'),
      'big::text,banyan_day_1:at::date,banyan_rows:count(),banyan_count_0:big.count(),banyan_sum_0:big.sum()::text,' +
        'banyan_min_0:big.min()::text,banyan_max_0:big.max()::text',
    );
    t.equal(request?.headers.prefer, 'timezone=UTC');
  },
);

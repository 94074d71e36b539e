import t from 'tap';
import { createDatabase } from '../../harness/postgres.ts';
import { until } from '../../harness/wait.ts';
import { openPlace } from './place.ts';

/** 40 ms or more for its one row. */
const SLOW = `SELECT id, pg_sleep(0.04) FROM people WHERE email = $1 AND id > 77 AND id <> $2`;
const PARAMETERS = ['secret@example.org', '4711'];

t.test(
  'a slow statement is reported with text and plan, and without the values that it was run with',
  async (t) => {
    const { store, notices, outside } = openPlace(t, (await createDatabase(t)).url, {
      slowQueries: { above: 30, plan: true },
    });
    await outside.query(
      'CREATE TABLE people (id int PRIMARY KEY, email text); INSERT INTO people VALUES (100, $$secret@example.org$$)',
    );
    await store.database.query('SELECT id FROM people WHERE email = $1', PARAMETERS.slice(0, 1));
    await store.database.query(SLOW, PARAMETERS);
    await until(() => notices.some(({ details }) => String(details?.sql).includes('pg_sleep')), {
      what: 'it is reported',
    });
    const notice = notices.find(({ details }) => String(details?.sql).includes('pg_sleep'));
    t.match(notice, { store: 'new', message: /^a statement took \d+ ms$/, details: { sql: SLOW } });
    t.ok((notice?.details?.milliseconds as number) >= 30);
    const plan = (notice?.details?.plan as string[]).join('\n');
    t.match(plan, /people/);
    t.match(plan, /email = '…'::text/);
    t.notMatch(JSON.stringify(notice), /secret@example|4711/);
  },
);

t.test('a plan that cannot be had does not disturb the statement', async (t) => {
  const { store, notices } = openPlace(t, (await createDatabase(t)).url, {
    slowQueries: { above: 0, plan: true },
  });
  await store.database.transaction(async (sql) => {
    await sql.query('CREATE TABLE only_here (id int)');
    t.strictSame((await sql.query('SELECT id FROM only_here')).rows, []);
    // Outside of this transaction the table does not exist, so that its EXPLAIN fails.
    await until(() => notices.some(({ details }) => /^no plan: .*only_here/.test(String(details?.plan))), {
      what: 'the plan has failed',
    });
  });
});

t.test('without "plan" the statement and its time are reported, and nothing is explained', async (t) => {
  const { store, notices } = openPlace(t, (await createDatabase(t)).url, {
    slowQueries: { above: 0, plan: false },
  });
  await store.ping();
  t.strictSame(Object.keys(notices[0]?.details ?? {}).sort(), ['milliseconds', 'sql']);
  t.equal(notices.length, 1);
});

t.test('a statement that ran into its timeout is reported too', async (t) => {
  const slowQueries = { above: 20, plan: false };
  const { store, notices } = openPlace(t, (await createDatabase(t)).url, {
    slowQueries,
    statementTimeout: 50,
  });
  await t.rejects(store.database.query('SELECT pg_sleep(10)'), { code: 'store-timeout' });
  t.match(notices, [{ details: { sql: 'SELECT pg_sleep(10)' } }]);
});

import { createServer } from 'node:net';
import t from 'tap';
import { isBanyanError } from '../../src/domain/errors.ts';
import type { Sql } from '../../src/domain/sql.ts';
import type { PostgresDatabase } from '../../src/postgres/database.ts';
import { createDatabase } from '../harness/postgres.ts';
import { until } from '../harness/wait.ts';
import { at, cuttingProxy, occupy, open } from './place.ts';

t.test('an exhausted pool and an absent server are two different errors', async (t) => {
  const { url } = await createDatabase(t);
  const outside = open(t, url);
  // Long enough to connect on a busy machine, too: it is the same limit.
  const small = open(t, url, { max: 1, wait: 2_000 });
  const { waiting, release } = await occupy(small, outside, 1);
  await t.rejects(small.query('SELECT 1'), {
    code: 'store-overloaded',
    outcome: 'not-applied',
    message: /none of its 1 connections free/,
  });
  await release();
  await waiting;
  t.strictSame(
    (await small.query('SELECT 1 AS one')).rows,
    [{ one: 1 }],
    'and it goes on when one is free again',
  );

  const absent = new URL(url);
  absent.port = '1';
  await t.rejects(open(t, absent.href).query('SELECT 1'), {
    code: 'store-unreachable',
    outcome: 'not-applied',
  });
  await t.rejects(open(t, absent.href, { role: 'control' }).query('SELECT 1'), {
    code: 'control-unavailable',
  });
});

t.test('a server that accepts connections and says nothing is unreachable, however many wait', async (t) => {
  const { url } = await createDatabase(t);
  const silent = createServer((socket) => socket.on('error', () => undefined));
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  t.teardown(() => void silent.close());
  const database = open(t, at(url, silent), { max: 1, wait: 100 });
  const answers = await Promise.all(
    [1, 2, 3].map(() => database.query('SELECT 1').catch((error: unknown) => error)),
  );
  t.ok(answers.every((error) => isBanyanError(error, 'store-unreachable')));
});

t.test(
  "the server's statement timeout ends a statement for certain, and the connection lives on",
  async (t) => {
    const { url } = await createDatabase(t);
    const outside = open(t, url);
    const database = open(t, url, { max: 1, statementTimeout: 100 });
    const pid = async () => (await database.query('SELECT pg_backend_pid() AS pid')).rows[0]?.pid;
    const before = await pid();
    await outside.transaction(async (sql) => {
      await sql.query('SELECT pg_advisory_xact_lock(2)');
      await t.rejects(database.query('SELECT pg_advisory_xact_lock(2)'), {
        code: 'store-timeout',
        outcome: 'not-applied',
      });
    });
    t.equal(await pid(), before);
  },
);

t.test('a statement whose answer does not come in time takes its connection with it', async (t) => {
  const { url } = await createDatabase(t);
  const outside = open(t, url);
  await outside.query('CREATE TABLE things (id int PRIMARY KEY); INSERT INTO things VALUES (1)');
  const database = open(t, url, { max: 1, timeout: 1_000 });
  const pid = async () => (await database.query('SELECT pg_backend_pid() AS pid')).rows[0]?.pid;
  const before = await pid();
  await outside.transaction(async (sql) => {
    await sql.query('SELECT FROM things FOR UPDATE');
    await t.rejects(database.query('SELECT FROM things FOR UPDATE'), {
      code: 'store-timeout',
      outcome: 'not-applied',
    });
    await t.rejects(
      database.query('UPDATE things SET id = 2'),
      { code: 'outcome-unknown', outcome: 'unknown' },
      'a write may still be done',
    );
    await t.rejects(
      database.transaction((mine) => mine.query('UPDATE things SET id = 3')),
      { code: 'store-timeout', outcome: 'not-applied' },
      'but not one whose transaction was never committed',
    );
  });
  t.not(await pid(), before);
});

t.test('a connection that breaks leaves doubt exactly where the write may have been done', async (t) => {
  const { url } = await createDatabase(t);
  const outside = open(t, url);
  await outside.query('CREATE TABLE things (id int PRIMARY KEY)');
  const cutAt = async (word: string, run: (database: PostgresDatabase) => Promise<unknown>) => {
    const database = open(t, await cuttingProxy(t, url, (sent) => sent.includes(word)));
    return run(database).catch((error: unknown) => error);
  };
  const insert = (id: number) => (sql: Sql) => sql.query('INSERT INTO things VALUES ($1)', [String(id)]);
  t.match(await cutAt('SELECT 5', (database) => database.query('SELECT 5')), {
    code: 'store-unreachable',
    outcome: 'not-applied',
  });
  t.match(await cutAt('INSERT', insert(1)), { code: 'outcome-unknown', outcome: 'unknown' });
  t.match(await cutAt('INSERT', (database) => database.transaction(insert(2))), {
    code: 'store-unreachable',
    outcome: 'not-applied',
  });
  t.match(await cutAt('COMMIT\0', (database) => database.transaction(insert(3))), {
    code: 'outcome-unknown',
    outcome: 'unknown',
  });
  t.strictSame(
    (await outside.query('SELECT id FROM things ORDER BY id')).rows,
    [{ id: 1 }, { id: 3 }],
    'both doubtful ones were done here',
  );
});

t.test(
  'connections that the server ends, idle or busy, are replaced and never end the process',
  async (t) => {
    const { url } = await createDatabase(t);
    const outside = open(t, url);
    const lost: Error[] = [];
    const database = open(t, url, { onLost: (error) => lost.push(error) });
    const pid = async () => (await database.query('SELECT pg_backend_pid() AS pid')).rows[0]?.pid;
    const before = await pid();
    await outside.query('SELECT pg_terminate_backend($1::int)', [String(before)]);
    await until(() => lost.length > 0, { what: 'the loss is noticed' });
    t.not(await pid(), before);
    await t.rejects(database.query('SELECT pg_terminate_backend(pg_backend_pid())'), {
      code: 'store-unreachable',
    });
    t.ok(await pid());
  },
);

t.test('the account, the schema and the URL are checked without telling the password', async (t) => {
  const { url } = await createDatabase(t);
  const wrong = new URL(url);
  wrong.password = 'hunter2';
  wrong.username = 'nobody_of_that_name';
  const error = await open(t, wrong.href)
    .query('SELECT 1')
    .catch((error: unknown) => error);
  t.ok(isBanyanError(error, 'store-refused'));
  t.notMatch(String(error), /hunter2/);
  t.throws(() => open(t, 'mysql://a:hunter2@b/c'), {
    code: 'config-invalid',
    message: /^(?!.*hunter2)/,
  });
  const other = open(t, `${url}?schema=a%20b&options=-c%20work_mem%3D5MB`);
  await other.query('CREATE SCHEMA "a b"; CREATE TABLE things ()');
  t.strictSame(
    (
      await other.query(
        `SELECT 'things'::regclass::text AS name, current_schema AS schema, current_setting('work_mem') AS memory`,
      )
    ).rows,
    [{ name: 'things', schema: 'a b', memory: '5MB' }],
  );
});

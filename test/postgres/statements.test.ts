import t from 'tap';
import type { Sql } from '../../src/domain/sql.ts';
import { createDatabase } from '../harness/postgres.ts';
import { open, openGate } from './place.ts';

t.test(
  'a transaction is READ COMMITTED, ends with its work, and takes no statement afterwards',
  async (t) => {
    const { url } = await createDatabase(t);
    const database = open(t, url, { max: 1 });
    await database.query('CREATE TABLE things (id int PRIMARY KEY)');
    let kept: Sql | null = null;
    const answer = await database.transaction(async (sql) => {
      kept = sql;
      await sql.query('INSERT INTO things VALUES (1)');
      return (await sql.query('SHOW transaction_isolation')).rows[0]?.transaction_isolation;
    });
    t.equal(answer, 'read committed');
    await t.rejects((kept as unknown as Sql).query('SELECT 1'), {
      code: 'internal',
      message: /after the end of its transaction/,
    });
    await t.rejects(
      database.transaction(async (sql) => {
        await sql.query('INSERT INTO things VALUES (2)');
        await sql.query('INSERT INTO things VALUES (1)').catch(() => undefined);
      }),
      { message: /its error was swallowed/ },
      'an error that the work swallowed does not pass for a commit',
    );
    t.strictSame((await database.query('SELECT id FROM things')).rows, [{ id: 1 }]);
  },
);

t.test(
  'each refusal of the database has its word, its column, and leaves the connection in use',
  async (t) => {
    const { url } = await createDatabase(t);
    const database = open(t, url, { max: 1 });
    // Roles are the whole server's, which other tests use too.
    const reader = `reader_${process.pid}`;
    await database.query(`
    CREATE TABLE parents (id int PRIMARY KEY);
    CREATE TABLE things (id int PRIMARY KEY, a text, b text, n int NOT NULL, parent int REFERENCES parents, UNIQUE (a, b), CHECK (n > 0));
    INSERT INTO things VALUES (1, 'x', 'y', 1, NULL);
    CREATE FUNCTION stop() RETURNS void LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'resource clients is in drain' USING errcode = 'BN001'; END $$;
    CREATE ROLE ${reader}; GRANT SELECT ON things TO ${reader}`);
    t.teardown(() => database.query(`DROP OWNED BY ${reader}; DROP ROLE ${reader}`).then(() => undefined));
    const before = (await database.query('SELECT pg_backend_pid() AS pid')).rows[0]?.pid;
    const refusals: [statement: string, expected: object][] = [
      [`INSERT INTO things VALUES (1, 'p', 'q', 1)`, { code: 'duplicate', details: { field: 'id' } }],
      [
        `INSERT INTO things VALUES (2, 'x', 'y', 1)`,
        { code: 'duplicate', details: { field: 'a', fields: ['a', 'b'] } },
      ],
      [
        `INSERT INTO things VALUES (2, 'p', 'q', 1, 9)`,
        { code: 'reference-missing', details: { field: 'parent' } },
      ],
      [
        `INSERT INTO things VALUES (2, 'p', 'q', NULL)`,
        { code: 'constraint-violated', details: { field: 'n' } },
      ],
      [
        `INSERT INTO things VALUES (2, 'p', 'q', 0)`,
        { code: 'constraint-violated', details: { constraint: 'things_n_check' } },
      ],
      [
        `INSERT INTO things VALUES (2, 'p', 'q', 99999999999)`,
        { code: 'constraint-violated', message: /out of range/ },
      ],
      [`SELECT nothing FROM things`, { code: 'store-answer', message: /"nothing" does not exist/ }],
      [`SELECT FROM nothing`, { code: 'store-answer' }],
      [`SELECT stop()`, { code: 'switching', message: /clients is in drain/ }],
      [`SET ROLE ${reader}; DELETE FROM things`, { code: 'store-refused' }],
    ];
    for (const [statement, expected] of refusals) {
      const error = await database.query(statement).catch((error: unknown) => error);
      t.match(error, { outcome: 'not-applied', ...expected }, statement);
      await database.query('RESET ROLE');
    }
    t.equal((await database.query('SELECT pg_backend_pid() AS pid')).rows[0]?.pid, before);
  },
);

t.test('of two transactions that wait for each other one gives way', async (t) => {
  const { url } = await createDatabase(t);
  const database = open(t, url);
  await database.query(
    'CREATE TABLE things (id int PRIMARY KEY, n int); INSERT INTO things VALUES (1, 0), (2, 0)',
  );
  const gates = [openGate(), openGate()];
  const both = [0, 1].map((me) =>
    database.transaction(async (sql) => {
      const order = me === 0 ? [1, 2] : [2, 1];
      await sql.query('UPDATE things SET n = n + 1 WHERE id = $1', [String(order[0])]);
      gates[me]?.open();
      await gates[1 - me]?.passed;
      await sql.query('UPDATE things SET n = n + 1 WHERE id = $1', [String(order[1])]);
    }),
  );
  const outcomes = await Promise.allSettled(both);
  const failed = outcomes.filter((outcome) => outcome.status === 'rejected');
  t.equal(failed.length, 1);
  t.match(failed[0]?.reason, { code: 'write-conflict', outcome: 'not-applied' });
});

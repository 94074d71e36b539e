import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { isBanyanError } from '../../../src/domain/errors.ts';
import { migratePrisma, pendingMigrations, schemaDifference } from '../../../src/stores/prisma/migrate.ts';
import { applyMigrations } from '../../harness/migrations.ts';
import { createDatabase } from '../../harness/postgres.ts';
import { MIGRATIONS, SCHEMA } from '../../harness/two-sides.ts';

const OF_SYSTEM_E = ['clients', 'services', 'engagements', 'companies', 'leads'];

/** A folder of migrations with this SQL by name. */
function folder(t: Test, migrations: Record<string, string>): string {
  const place = t.testdir();
  put(place, migrations);
  return place;
}

function put(place: string, migrations: Record<string, string>): void {
  for (const [name, sql] of Object.entries(migrations)) {
    mkdirSync(join(place, name), { recursive: true });
    writeFileSync(join(place, name, 'migration.sql'), sql);
  }
}

async function refusal(work: Promise<unknown>): Promise<string> {
  const error = await work.then(
    () => null,
    (error: unknown) => error,
  );
  if (!isBanyanError(error, 'migration-failed'))
    throw new Error('expected migration-failed', { cause: error });
  return error.message;
}

t.test('E1: each resource has one migration, in the order in which the resources move', async (t) => {
  const database = await createDatabase(t);
  const paths = { url: database.accounts.owner, schema: SCHEMA, migrations: MIGRATIONS };
  const before = await pendingMigrations(paths);
  t.same(
    before.map((name) => name.replace(/^\d+_/, '')),
    OF_SYSTEM_E,
  );
  t.not(await schemaDifference(paths), '', 'an empty database differs from the schema');
  t.same(await migratePrisma(paths), { applied: before });
  t.same(await pendingMigrations(paths), []);
  t.same(await migratePrisma(paths), { applied: [] }, 'a second run finds nothing to do');
});

t.test('the migrations make exactly the tables of the Prisma schema', async (t) => {
  const database = await createDatabase(t);
  const paths = { url: database.accounts.owner, schema: SCHEMA, migrations: MIGRATIONS };
  await migratePrisma(paths);
  t.equal(await schemaDifference(paths), '');
  await database.query('CREATE SCHEMA banyan CREATE TABLE banyan.mark (n int)');
  t.equal(await schemaDifference(paths), '', 'other schemas are no difference');
  await database.query('ALTER TABLE clients DROP COLUMN siret');
  t.match(await schemaDifference(paths), /ALTER TABLE "clients" ADD COLUMN\s+"siret" VARCHAR\(14\)/);
});

t.test('databases of other tests, which are made without the engine, are what it would make', async (t) => {
  const database = await createDatabase(t);
  const paths = { url: database.accounts.owner, schema: SCHEMA, migrations: MIGRATIONS };
  await applyMigrations(database.accounts.owner, MIGRATIONS);
  t.same(await pendingMigrations(paths), []);
  t.same(await migratePrisma(paths), { applied: [] });
});

t.test('of several processes that migrate at once, each migration is applied by one', async (t) => {
  const database = await createDatabase(t);
  const paths = { url: database.accounts.owner, schema: SCHEMA, migrations: MIGRATIONS };
  const runs = await Promise.all([migratePrisma(paths), migratePrisma(paths), migratePrisma(paths)]);
  t.equal(runs.flatMap((run) => run.applied).length, OF_SYSTEM_E.length);
  t.same(await database.query('SELECT count(*)::int AS rows FROM _prisma_migrations'), [{ rows: 5 }]);
});

t.test('a function body with semicolons arrives whole', async (t) => {
  const database = await createDatabase(t);
  const sql = `CREATE FUNCTION twice(n int) RETURNS int LANGUAGE plpgsql AS $$ BEGIN n := n; RETURN n * 2; END; $$;`;
  await migratePrisma({ url: database.url, schema: SCHEMA, migrations: folder(t, { '1_function': sql }) });
  t.same(await database.query('SELECT twice(21) AS answer'), [{ answer: 42 }]);
});

t.test(
  'a migration that fails is named with its line, nothing after it is applied, and it can be corrected',
  async (t) => {
    const database = await createDatabase(t);
    const migrations = folder(t, {
      '1_good': 'CREATE TABLE good (n int);',
      '2_bad': 'CREATE TABLE half (n int);\nSELECT nonsense;',
      '3_later': 'CREATE TABLE later (n int);',
    });
    const paths = { url: database.url, schema: SCHEMA, migrations };
    const said = await refusal(migratePrisma(paths));
    t.match(said, /"2_bad" failed: column "nonsense" does not exist \(SQLSTATE 42703, line 2\)/);
    t.same(await tables(), ['good'], 'what it did before it failed is undone');
    t.same(await pendingMigrations(paths), ['2_bad', '3_later']);

    put(migrations, { '2_bad': 'CREATE TABLE half (n int);' });
    t.same(await migratePrisma(paths), { applied: ['2_bad', '3_later'] });

    async function tables() {
      const rows = await database.query<{ name: string }>(
        `SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public' AND tablename !~ '^_'`,
      );
      return rows.map((row) => row.name);
    }
  },
);

t.test('a failed migration with transactions of its own is not tried again by itself', async (t) => {
  const database = await createDatabase(t);
  const migrations = folder(t, { '1_parts': 'BEGIN; CREATE TABLE part (n int); COMMIT; SELECT nonsense;' });
  const paths = { url: database.url, schema: SCHEMA, migrations };
  t.match(await refusal(migratePrisma(paths)), /a part of it may be in force/);
  t.match(await refusal(migratePrisma(paths)), /"1_parts" failed or was broken off in an earlier run/);
});

t.test('a migration that was changed after it had been applied is refused', async (t) => {
  const database = await createDatabase(t);
  const migrations = folder(t, { '1_table': 'CREATE TABLE one (n int);' });
  const paths = { url: database.url, schema: SCHEMA, migrations };
  await migratePrisma(paths);
  put(migrations, { '1_table': 'CREATE TABLE one (n bigint);' });
  t.match(await refusal(migratePrisma(paths)), /"1_table" was changed/);
});

t.test(
  'a database that cannot be reached or refuses the account is said, without the password',
  async (t) => {
    const database = await createDatabase(t);
    const paths = { schema: SCHEMA, migrations: MIGRATIONS };
    const wrong = new URL(database.url);
    wrong.password = 'geheim';
    for (const [url, code] of [
      ['postgresql://someone:geheim@127.0.0.1:1/none', 'store-unreachable'],
      [wrong.href, 'store-refused'],
    ] as const) {
      const error = await migratePrisma({ ...paths, url }).catch((error: unknown) => error as Error);
      t.ok(isBanyanError(error, code), code);
      t.notMatch((error as Error).message, /geheim/);
    }
    t.match(
      await refusal(migratePrisma({ ...paths, url: database.url, migrations: '/nowhere' })),
      /no folder of migrations at \/nowhere/,
    );
  },
);

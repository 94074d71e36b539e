import t from 'tap';
import { findCollation, ranksOf, SHOW_COLLATION } from '../../src/postgres/collations.ts';
import { createDatabase, testPostgres } from '../harness/postgres.ts';
import { withClient } from '../../src/quickstart/accounts.ts';
import { open } from './place.ts';

t.test('a collation is found by the names that people know, the database own first', async (t) => {
  const plain = await createDatabase(t);
  const { url } = await testPostgres();
  const name = `${plain.name}_icu`;
  await withClient(url('postgres'), async (client) => {
    await client.query(
      `CREATE DATABASE ${name} TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'en-US' LOCALE 'C'`,
    );
  });
  t.teardown(() =>
    withClient(url('postgres'), (client) => client.query(`DROP DATABASE ${name} WITH (FORCE)`)),
  );
  await plain.query(
    `CREATE COLLATION "no-case" (provider = icu, locale = 'und-u-ks-level2', deterministic = false)`,
  );
  const [here, icu] = [open(t, plain.url), open(t, url(name))];
  t.equal(await findCollation(here, 'en-US-x-icu'), 'en-US-x-icu', 'as Postgres has it');
  t.equal(await findCollation(here, 'de-AT'), 'de-AT-x-icu', 'as ICU has it');
  t.equal(
    await findCollation(icu, 'en-US-x-icu'),
    'default',
    'the one of the database, whose indexes serve it',
  );
  t.equal(await findCollation(icu, 'de-AT-x-icu'), 'de-AT-x-icu');
  t.equal(await findCollation(here, 'xx_YY.UTF-8'), null, 'none that is not there');
  t.equal(await findCollation(here, 'no-case'), null, 'none in which different texts are equal');
  for (const [database, shown] of [
    [here, 'C.UTF-8'],
    [icu, 'en-US-x-icu'],
  ] as const)
    t.same((await database.query(SHOW_COLLATION)).rows, [{ collation: shown }], `${shown} is shown as such`);
});

t.test('texts are ranked in a collation', async (t) => {
  const database = open(t, (await createDatabase(t)).url);
  const texts = ['b', 'B', 'a', 'ä', '', 'a,"\\{}', 'null'];
  const ranks = await ranksOf(database, 'en-US-x-icu', texts);
  const sorted = [...texts].sort((a, b) => (ranks.get(a) as number) - (ranks.get(b) as number));
  t.same(sorted, ['', 'a', 'ä', 'a,"\\{}', 'b', 'B', 'null']);
});

t.end();

import fc from 'fast-check';
import t from 'tap';
import { compareKeys, joinKey, keyOf, keyValues, splitKey } from '../../src/domain/keys.ts';
import { openDatabase } from '../../src/postgres/database.ts';
import { installCapture } from '../../src/state/capture.ts';
import { migrateControl } from '../../src/state/migrate.ts';
import { registerResources } from '../../src/state/resources.ts';
import { createDatabase } from '../harness/postgres.ts';

const PARTS = [
  { name: 'shelf', type: 'int' },
  { name: 'slot', type: 'text' },
] as const;
const awkward = fc.oneof(
  fc.string({ unit: 'grapheme' }),
  fc.constantFrom('~', '%', '%7E', '%25', 'a~b%7Ec', ''),
);

t.test('parts of a key come back, whatever is in them', (t) => {
  fc.assert(
    fc.property(fc.array(awkward, { minLength: 1, maxLength: 4 }), (parts) => {
      t.same(splitKey(joinKey(parts), parts.length), parts);
    }),
  );
  t.equal(joinKey(['as~it%is']), 'as~it%is', 'a key of one part is the part');
  t.equal(joinKey(['a~b', '7']), 'a%7Eb~7');
  t.throws(() => splitKey('a~b', 3), { code: 'invalid-key' });
  t.end();
});

t.test('a key gives the columns that it was made of', (t) => {
  fc.assert(
    fc.property(fc.integer(), awkward, (shelf, slot) => {
      t.same(keyValues(PARTS, keyOf(PARTS, { shelf, slot })), { shelf, slot });
    }),
  );
  t.end();
});

t.test('keys are compared part by part: integers by value, text by its bytes', (t) => {
  const order = (a: string[], b: string[]) => Math.sign(compareKeys(['int', 'text'], joinKey(a), joinKey(b)));
  t.equal(order(['9', 'z'], ['10', 'a']), -1);
  t.equal(order(['1', '~'], ['1', 'a']), 1, 'not by the escaped text');
  t.equal(order(['1', 'B'], ['1', 'a']), -1);
  t.equal(order(['1', 'a'], ['1', 'a']), 0);
  t.end();
});

t.test(
  'the trigger writes the same text, and marks the old and the new key when a part is changed',
  async (t) => {
    const created = await createDatabase(t);
    const database = openDatabase({
      title: 'control',
      role: 'control',
      url: created.url,
      max: 2,
      wait: 5_000,
      timeout: 10_000,
      statementTimeout: 10_000,
    });
    t.teardown(() => database.close());
    await database.query('CREATE TABLE places (shelf int, slot text, PRIMARY KEY (shelf, slot))');
    await migrateControl(database);
    await installCapture(database, { resource: 'places', table: 'places', keys: ['shelf', 'slot'] });
    await registerResources(database, ['places']);
    await database.query(`UPDATE banyan.resource SET mode = 'live', "primary" = 'new'`);
    const marked = async (statement: string) => {
      await database.query('DELETE FROM banyan.mark');
      await database.query(statement);
      return (await database.query<{ key: string }>('SELECT key FROM banyan.mark ORDER BY key')).rows.map(
        ({ key }) => key,
      );
    };
    t.same(await marked(`INSERT INTO places VALUES (1, 'a~b%7E')`), [joinKey(['1', 'a~b%7E'])]);
    const both = [joinKey(['1', 'a~b%7E']), joinKey(['1', '~'])].sort();
    t.same((await marked(`UPDATE places SET slot = '~'`)).sort(), both);
    t.same(await marked('DELETE FROM places'), [joinKey(['1', '~'])]);
  },
);

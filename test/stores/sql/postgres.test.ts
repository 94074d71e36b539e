import t from 'tap';
import { SqlStore } from '../../../src/stores/sql/store.ts';
import { failsWith } from '../../contracts/failing.ts';
import { createDatabase } from '../../harness/postgres.ts';
import { settingsOf, specOf } from './place.ts';

const database = await createDatabase();
const store = new SqlStore('legacy', settingsOf(database.url), () => undefined);
t.teardown(async () => {
  await store.close();
  await database.drop();
});
await database.query(`
  CREATE SCHEMA old;
  CREATE TABLE old.tickets (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, title varchar(20), twice text GENERATED ALWAYS AS (title || title) STORED);
  CREATE VIEW ticket_list AS SELECT * FROM old.tickets;
  CREATE MATERIALIZED VIEW ticket_copy AS SELECT * FROM old.tickets;`);
const columns = { title: 'text', twice: 'text' } as const;

t.test(
  'a key that the table always generates can still be chosen, and its sequence goes past it',
  async (t) => {
    const tickets = store.table(specOf('old.tickets', 'int', columns));
    t.equal((await tickets.insert({ title: 'drawn' })).id, 1);
    t.match(await tickets.insert({ id: 40, title: 'chosen' }), { id: 40, twice: 'chosenchosen' });
    await tickets.upsertMany([{ id: 50, title: 'copied', twice: null }]);
    await tickets.advanceSequence();
    t.equal((await tickets.insert({ title: 'next' })).id, 51);
    t.equal((await tickets.update('50', { id: 50, title: 'changed' }))?.twice, 'changedchanged');
    await failsWith(t, 'constraint-violated', tickets.insert({ title: 'x'.repeat(21) }));
  },
);

t.test('views, also those that Postgres could write through, are read-only', async (t) => {
  for (const name of ['ticket_list', 'ticket_copy']) {
    const view = store.table(specOf(name, 'int', columns));
    t.match(await view.describe(), { readOnly: true, keyIsUnique: null });
    await failsWith(t, 'read-only', view.insert({ title: 'x' }));
    await failsWith(t, 'read-only', view.removeMany(['1']));
  }
  t.ok((await store.table(specOf('ticket_list', 'int', columns)).count()) > 0);
});

t.test('it shares no transaction with the control database, even on the same server', (t) => {
  t.equal(store.capabilities.transactions, false);
  t.equal(store.database, null);
  t.end();
});

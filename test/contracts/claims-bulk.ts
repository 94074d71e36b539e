import { failsWith } from './failing.ts';
import { countersOf, filled, mixed, rowOf, thingsOf, uuid } from './rows.ts';
import type { Claim } from './store-contract.ts';

export function bulkClaims(claim: Claim): void {
  claim(
    'upsertMany makes new rows, changes old ones and leaves the others alone',
    {},
    async (t, { counters }) => {
      await counters.upsertMany(countersOf([1, 2, 3]));
      await counters.upsertMany([
        { id: 2, label: 'two', value: 22 },
        { id: 4, label: 'four', value: 44 },
      ]);
      const rows = await counters.scan(null, 10);
      t.same(
        rows.map(({ id, label, value }) => [id, label, value]),
        [
          [1, 'counter 1', 1],
          [2, 'two', 22],
          [3, 'counter 3', 3],
          [4, 'four', 44],
        ],
      );
    },
  );

  claim('upsertMany is the same when it is done twice', {}, async (t, { things }) => {
    const rows = thingsOf(things, [
      { note: 'a', tags: ['x'] },
      { note: null, meta: { a: [1] } },
    ]);
    await things.upsertMany(rows);
    await things.upsertMany(rows);
    t.same(
      (await things.scan(null, 10)).map((row) => filled(things, row)),
      rows,
    );
  });

  claim('upsertMany writes null over a value, and no default in its place', {}, async (t, { things }) => {
    await things.insert({ id: uuid(1), note: 'x', small: 5, tags: ['x'] });
    const row = rowOf(things, { id: uuid(1), name: 'kept' });
    await things.upsertMany([row]);
    t.same(filled(things, (await things.get([uuid(1)])).get(uuid(1))), row);
  });

  claim('upsertMany of nothing does nothing', {}, async (t, { things }) => {
    await things.upsertMany([]);
    await things.removeMany([]);
    t.equal(await things.count(), 0);
  });

  claim('upsertMany takes 1200 rows, of 1 kB each, at once', {}, async (t, { notes }) => {
    const rows = mixed(1_200).map((number) => ({ code: `k${number}`, body: 'ü'.repeat(500), rank: number }));
    await notes.upsertMany(rows);
    t.equal(await notes.count(), 1_200);
    t.equal(await notes.count({ field: 'body', op: 'eq', value: 'ü'.repeat(500) }), 1_200);
  });

  claim(
    'upsertMany with a row that refers to nothing fails as that row does',
    { limit: 'references' },
    async (t, { store, counters, children }) => {
      await counters.insert({ id: 1 });
      const rows = [1, 2].map((id) => ({ id: uuid(id), counter_id: id, label: null }));
      const error = await failsWith(t, 'reference-missing', children.upsertMany(rows));
      t.equal(error.outcome, 'not-applied');
      t.equal((await children.get([uuid(2)])).size, 0);
      // Where one request takes all rows, none of them is there.
      if (store.capabilities.atomicInserts) t.equal(await children.count(), 0);
    },
  );

  claim(
    'a sequence is not disturbed by keys that were written',
    { limit: 'drawn-keys' },
    async (t, { counters }) => {
      await counters.upsertMany(countersOf([1_000]));
      t.equal((await counters.insert({ label: 'drawn' })).label, 'drawn');
    },
  );

  claim(
    'removeMany makes keys absent, whether they were there or not',
    {},
    async (t, { counters, notes }) => {
      await counters.upsertMany(countersOf(mixed(400)));
      await counters.removeMany(Array.from({ length: 350 }, (_, index) => String(index * 2)));
      t.equal(await counters.count(), 200);
      t.equal(await counters.count({ field: 'id', op: 'in', value: [0, 2, 398] }), 0);
      await notes.upsertMany(['a,b', '"', 'c'].map((code) => ({ code, body: null, rank: null })));
      await notes.removeMany(['a,b', '"', 'never there']);
      t.same(await notes.scanKeys(null, 10), ['c']);
    },
  );

  claim('writes of many keys at the same time are all done', {}, async (t, { counters }) => {
    const batches = Array.from({ length: 8 }, (_, batch) =>
      countersOf(mixed(50).map((id) => batch * 100 + id)),
    );
    await Promise.all(batches.map((rows) => counters.upsertMany(rows)));
    t.equal(await counters.count(), 400);
  });
}

import { countersOf, pick, uuid } from './rows.ts';
import type { Row } from '../../src/domain/values.ts';
import { failsWith } from './failing.ts';
import type { Claim, Needs } from './store-contract.ts';

export function writeClaims(claim: Claim): void {
  const drawsKeys: Needs = { limit: 'drawn-keys' };

  claim(
    'a column that an insert leaves out takes its default',
    { limit: 'defaults' },
    async (t, { things, counters }) => {
      t.equal((await things.insert({ id: uuid(1) })).name, 'unnamed');
      t.equal((await counters.insert({ id: 1, label: 'x' })).value, 0);
    },
  );

  claim('null in an insert is null, not the default', {}, async (t, { things }) => {
    await failsWith(t, 'constraint-violated', things.insert({ id: uuid(1), name: null }));
    t.equal((await things.insert({ id: uuid(2), note: null })).note, null);
  });

  claim(
    'a key that an insert leaves out is drawn by the store and answered',
    drawsKeys,
    async (t, { things, counters }) => {
      const first = await counters.insert({ label: 'a' });
      const second = await counters.insert({ label: 'b' });
      t.equal(typeof first.id, 'number');
      t.not(first.id, second.id);
      t.equal((await counters.get([String(second.id)])).get(String(second.id))?.label, 'b');
      t.match((await things.insert({ name: 'drawn' })).id, /^[0-9a-f-]{36}$/);
    },
  );

  claim(
    'a key that the gateway chose is kept',
    { capability: ({ assignsKeys }) => assignsKeys === 'gateway-or-store' || 'only the store draws keys' },
    async (t, { things, counters, notes }) => {
      t.equal((await things.insert({ id: uuid(42) })).id, uuid(42));
      t.equal((await counters.insert({ id: 4_242 })).id, 4_242);
      t.equal((await notes.insert({ code: 'chosen' })).code, 'chosen');
    },
  );

  claim('an insert of an existing key is a duplicate, and nothing is changed', {}, async (t, { notes }) => {
    await notes.insert({ code: 'k', body: 'first' });
    const error = await failsWith(t, 'duplicate', notes.insert({ code: 'k', body: 'second' }));
    t.equal(error.outcome, 'not-applied');
    t.match(error.details, { field: 'code' }, 'the field is named');
    t.equal((await notes.get(['k'])).get('k')?.body, 'first');
  });

  claim(
    'a value that has to be unique is a duplicate, in an insert and in an update',
    { limit: 'unique' },
    async (t, { counters }) => {
      await counters.upsertMany(countersOf([1, 2]));
      const inserted = await failsWith(t, 'duplicate', counters.insert({ id: 3, label: 'counter 1' }));
      t.match(inserted.details, { field: 'label' });
      await failsWith(t, 'duplicate', counters.update('2', { label: 'counter 1' }));
      t.equal((await counters.get(['2'])).get('2')?.label, 'counter 2');
      t.equal(await counters.count(), 2);
    },
  );

  claim(
    'a row that refers to nothing is refused',
    { limit: 'references' },
    async (t, { counters, children }) => {
      const error = await failsWith(t, 'reference-missing', children.insert({ id: uuid(1), counter_id: 5 }));
      t.equal(error.outcome, 'not-applied');
      await counters.insert({ id: 5 });
      t.equal((await children.insert({ id: uuid(1), counter_id: 5 })).counter_id, 5);
    },
  );

  claim(
    'a row that another one refers to is not deleted',
    { limit: 'references' },
    async (t, { counters, children }) => {
      await counters.insert({ id: 5 });
      await children.insert({ id: uuid(1), counter_id: 5 });
      await failsWith(t, 'reference-missing', counters.remove('5'));
      t.equal(await counters.count(), 1);
    },
  );

  claim(
    'null in a column that refuses it is a violated constraint that names the column',
    {},
    async (t, { counters }) => {
      await counters.insert({ id: 1, value: 3 });
      const error = await failsWith(t, 'constraint-violated', counters.update('1', { value: null }));
      t.match(error.details, { field: 'value' });
      t.equal((await counters.get(['1'])).get('1')?.value, 3);
    },
  );

  claim(
    'a value that its column cannot hold is a violated constraint',
    {},
    async (t, { things, counters }) => {
      await failsWith(t, 'constraint-violated', counters.insert({ id: 1, value: 3_000_000_000 }));
      await failsWith(t, 'constraint-violated', things.insert({ id: uuid(1), day: '2026-02-30' }));
      t.equal(await things.count(), 0);
    },
  );

  claim(
    'a value that its enumeration lacks is a violated constraint',
    { limit: 'enumerations' },
    async (t, { things }) => {
      await failsWith(t, 'constraint-violated', things.insert({ id: uuid(1), colour: 'no such colour' }));
      t.equal(await things.count(), 0);
    },
  );

  claim('text with NUL, which Postgres cannot hold, is a clear error', {}, async (t, { things }) => {
    const error = await failsWith(t, 'constraint-violated', things.insert({ id: uuid(1), note: 'a\0b' }));
    t.equal(error.outcome, 'not-applied');
    t.equal(await things.count(), 0);
  });

  claim('a column that the table lacks is refused by name', {}, async (t, { things }) => {
    const error = await failsWith(t, 'validation-failed', things.insert({ id: uuid(1), no_such_column: 1 }));
    t.match(error.message, /no_such_column/);
    t.equal(await things.count(), 0);
  });

  claim('an update changes what it is given and nothing else', {}, async (t, { things }) => {
    const before = await things.insert({
      id: uuid(1),
      name: 'n',
      note: 'old',
      small: 5,
      tags: ['x'],
      meta: { a: 1 },
    });
    const after = await things.update(uuid(1), { note: 'new' });
    t.same(after, { ...before, note: 'new' });
    t.same((await things.get([uuid(1)])).get(uuid(1)), after);
  });

  claim('an update that changes nothing answers the row', {}, async (t, { things }) => {
    const before = await things.insert({ id: uuid(1), note: 'x' });
    t.same(await things.update(uuid(1), {}), before);
    t.same(await things.update(uuid(1), { note: 'x' }), before);
  });

  claim('an update of a record that is not there answers null and makes none', {}, async (t, { things }) => {
    t.equal(await things.update(uuid(1), { note: 'x' }), null);
    t.equal(await things.update(uuid(1), {}), null);
    t.equal(await things.count(), 0);
  });

  claim('updates of different fields at the same time both survive', {}, async (t, { things }) => {
    await things.insert({ id: uuid(1) });
    for (let round = 1; round <= 10; round++) {
      const changes: Row[] = [
        { note: `n${round}` },
        { small: round },
        { tags: [`t${round}`] },
        { meta: { round } },
      ];
      await Promise.all(changes.map((change) => things.update(uuid(1), change)));
      const row = (await things.get([uuid(1)])).get(uuid(1));
      const wanted = Object.assign({}, ...changes) as Row;
      t.same(pick(row, wanted), wanted);
    }
  });

  claim('inserts of one key at the same time make one record', {}, async (t, { notes }) => {
    const attempts = Array.from({ length: 6 }, (_, index) => notes.insert({ code: 'same', rank: index }));
    const results = await Promise.allSettled(attempts);
    t.equal(results.filter(({ status }) => status === 'fulfilled').length, 1);
    t.equal(await notes.count(), 1);
  });

  claim('a record is deleted once', {}, async (t, { things }) => {
    await things.insert({ id: uuid(1) });
    await things.insert({ id: uuid(2) });
    t.equal(await things.remove(uuid(1)), true);
    t.equal(await things.remove(uuid(1)), false);
    t.same(await things.scanKeys(null, 10), [uuid(2)]);
  });

  claim(
    'a sequence that was advanced draws keys past the highest one',
    { capability: ({ sequences }) => sequences || 'the store cannot set a sequence' },
    async (t, { counters }) => {
      await counters.advanceSequence();
      await counters.upsertMany(countersOf([1, 2, 500]));
      await counters.advanceSequence();
      t.equal((await counters.insert({ label: 'next' })).id, 501);
      await counters.remove('501');
      await counters.advanceSequence();
      t.ok(
        ((await counters.insert({ label: 'later' })).id as number) > 501,
        'never back to a key that was used',
      );
    },
  );

  claim(
    'what a transaction wrote is gone when it is rolled back',
    { rolledBack: true },
    async (t, context) => {
      const { counters, rolledBack } = context;
      await counters.insert({ id: 1, value: 1 });
      await rolledBack?.(async (sql) => {
        const within = counters.within(sql);
        await within.insert({ id: 2 });
        await within.update('1', { value: 9 });
        await within.upsertMany(countersOf([3]));
        t.equal(await within.count(), 3, 'seen inside');
        t.equal(await counters.count(), 1, 'not seen outside');
      });
      t.same(
        (await counters.scan(null, 10)).map(({ id, value }) => [id, value]),
        [[1, 1]],
      );
    },
  );
}

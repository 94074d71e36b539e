import type { Row } from '../../src/domain/values.ts';
import type { InsertOutcome } from '../../src/stores/contract.ts';
import { insertMany } from '../../src/stores/insert-many.ts';
import { failsWith } from './failing.ts';
import { countersOf, filled, pick, thingsOf } from './rows.ts';
import type { Claim, Needs } from './store-contract.ts';

function codes(outcomes: readonly InsertOutcome[]): string[] {
  return outcomes.map((outcome) => ('error' in outcome ? outcome.error.code : 'made'));
}

const canUndo: Needs = {
  capability: ({ atomicInserts }) =>
    atomicInserts === true || 'the store takes rows one by one: it cannot undo those before a refused one',
};

/** Many creates at once, by whatever the store can do best. */
export function insertClaims(claim: Claim): void {
  claim('insertMany answers every row in its order, as insert does', {}, async (t, { things }) => {
    const rows = thingsOf(things, [
      { note: 'a', tags: ['x', 'y,z'], meta: { a: [1] } },
      { note: null, small: 7, amount: 12.5 },
      { note: '', at: '2026-01-02T03:04:05.678Z' },
    ]);
    const outcomes = await insertMany(things, rows);
    const made = outcomes.map((outcome) => filled(things, 'row' in outcome ? outcome.row : null));
    t.same(made, rows);
    t.same(
      (await things.scan(null, 10)).map((row) => filled(things, row)),
      rows,
    );
  });

  claim(
    'insertMany: rows with other columns take the defaults of what they lack',
    {},
    async (t, { counters }) => {
      const given: Row[] = [{ id: 1, label: 'one', value: 5 }, { id: 2, label: 'two' }, { id: 3 }];
      const outcomes = await insertMany(counters, given);
      t.same(codes(outcomes), ['made', 'made', 'made']);
      outcomes.forEach((outcome, index) => {
        const row = given[index] as Row;
        t.same(pick('row' in outcome ? outcome.row : null, row), row);
      });
      t.equal(await counters.count(), 3);
    },
  );

  claim('insertMany: a refused row keeps no other one out', {}, async (t, { counters }) => {
    await counters.insert({ id: 5, label: 'there already', value: 1 });
    const outcomes = await insertMany(counters, countersOf([1, 2, 3, 4, 5, 6, 7, 8, 9]));
    t.same(codes(outcomes), ['made', 'made', 'made', 'made', 'duplicate', 'made', 'made', 'made', 'made']);
    t.equal((await counters.get(['5'])).get('5')?.label, 'there already');
    t.equal(await counters.count(), 9);
  });

  claim(
    'insertMany: of a batch as a whole, nothing is left of a refused one',
    canUndo,
    async (t, { counters }) => {
      await counters.insert({ id: 5, label: 'there already', value: 1 });
      await failsWith(t, 'duplicate', insertMany(counters, countersOf([4, 5, 6]), { atomic: true }));
      t.equal(await counters.count(), 1);
      t.same(codes(await insertMany(counters, countersOf([6, 7]), { atomic: true })), ['made', 'made']);
    },
  );

  claim('insertMany asks before every request whether it may be sent', {}, async (t, { counters }) => {
    const late = new Error('too late');
    const outcomes = await insertMany(counters, countersOf([1, 2]), {
      beforeRequest: () => {
        throw late;
      },
    });
    t.ok(outcomes.every((outcome) => 'error' in outcome && outcome.error.cause === late));
    t.equal(await counters.count(), 0, 'nothing was sent');
  });

  claim('insertMany of nothing does nothing', {}, async (t, { counters }) => {
    t.same(await insertMany(counters, []), []);
  });
}

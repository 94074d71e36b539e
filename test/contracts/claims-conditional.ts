import type { Condition } from '../../src/domain/query.ts';
import type { Claim, Needs } from './store-contract.ts';

const conditional: Needs = {
  capability: ({ conditionalWrites }) =>
    conditionalWrites || 'the store takes no condition with a write: who needs one looks before',
};

const body = (value: string): Condition => ({ field: 'body', op: 'eq', value });

/** Writes that are done only where the row holds for a condition, in one operation of the store. */
export function conditionalClaims(claim: Claim): void {
  claim('an update of a row that holds for its condition is done', conditional, async (t, { notes }) => {
    await notes.insert({ code: 'a', body: 'mine' });
    t.match(await notes.update('a', { body: 'new' }, body('mine')), { code: 'a', body: 'new' });
  });

  claim(
    'an update of a row that does not hold is as of none, and changes nothing',
    conditional,
    async (t, { notes }) => {
      await notes.insert({ code: 'a', body: 'theirs' });
      t.equal(await notes.update('a', { body: 'new' }, body('mine')), null);
      t.equal(await notes.update('b', { body: 'new' }, body('mine')), null);
      t.equal(await notes.update('a', {}, body('mine')), null, 'nor does a change of nothing show it');
      t.equal((await notes.get(['a'])).get('a')?.body, 'theirs');
    },
  );

  claim('a row that lacks the value holds for no condition on it', conditional, async (t, { notes }) => {
    await notes.insert({ code: 'a', body: null });
    t.equal(await notes.update('a', { body: 'new' }, body('mine')), null);
    t.equal(await notes.remove('a', body('mine')), false);
    t.equal(await notes.count(), 1);
  });

  claim('a delete is done only of a row that holds for its condition', conditional, async (t, { notes }) => {
    await notes.insert({ code: 'a', body: 'theirs' });
    await notes.insert({ code: 'b', body: 'mine' });
    t.equal(await notes.remove('a', body('mine')), false);
    t.equal(await notes.remove('b', body('mine')), true);
    t.same(await notes.scanKeys(null, 10), ['a']);
  });

  claim(
    'of updates on one condition that they undo exactly one is done',
    conditional,
    async (t, { notes }) => {
      await notes.insert({ code: 'a', body: 'free' });
      const takers = Array.from({ length: 8 }, (_, n) =>
        notes.update('a', { body: `taken ${n}` }, body('free')),
      );
      const taken = (await Promise.all(takers)).filter((row) => row !== null);
      t.equal(taken.length, 1);
      t.equal((await notes.get(['a'])).get('a')?.body, taken[0]?.body);
    },
  );

  claim(
    'a value with quotes and wildcards is a value like any other in a condition',
    conditional,
    async (t, { notes }) => {
      for (const [index, text] of [
        `it's`,
        'a "b" c',
        '100%',
        'a_b',
        '*',
        'a,b',
        '(x)',
        '\\',
        'null',
      ].entries()) {
        const code = `n${index}`;
        await notes.insert({ code, body: text });
        t.equal(await notes.update(code, { body: 'x' }, body(`${text}!`)), null, `${text} is not another`);
        t.equal(await notes.remove(code, body(text)), true, text);
      }
    },
  );
}

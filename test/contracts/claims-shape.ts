import type { Claim } from './store-contract.ts';
import { COUNTERS, THINGS } from './tables.ts';

/** What a store says of itself and of its tables. */
export function shapeClaims(claim: Claim): void {
  const describes = {
    capability: (can: { describesTables: boolean }) => can.describesTables || 'tables are not described',
  };

  claim('ping resolves when the server answers', {}, async (t, { store }) => {
    await t.resolves(store.ping());
  });

  claim('a table can be named without the store being asked', {}, async (t, { store }) => {
    t.same(store.table({ ...THINGS.spec, name: 'no_such_table' }).spec.name, 'no_such_table');
  });

  claim('describe names the columns of the real table', describes, async (t, { things }) => {
    const actual = await things.describe();
    const names = actual?.columns.map(({ name }) => name).sort();
    t.same(names, THINGS.columns.map(({ name }) => name).sort());
    t.not(actual?.keyIsUnique, false, 'the key is not said to be anything but unique');
  });

  claim(
    'describe leaves out a column that the mapping names and the table lacks',
    describes,
    async (t, { store }) => {
      const extra = { name: 'no_such_column', type: 'text', list: false, nullable: true } as const;
      const actual = await store
        .table({ ...COUNTERS.spec, columns: [...COUNTERS.spec.columns, extra] })
        .describe();
      t.same(actual?.columns.map(({ name }) => name).sort(), ['id', 'label', 'value']);
    },
  );

  claim('describe answers null for a table that is not there', describes, async (t, { store }) => {
    t.equal(await store.table({ ...COUNTERS.spec, name: 'no_such_table' }).describe(), null);
  });

  claim('a capability that a store lacks is refused, not ignored', {}, async (t, { store, counters }) => {
    if (!store.capabilities.sequences) await t.rejects(counters.advanceSequence());
    if (!store.capabilities.transactions) {
      t.throws(() => counters.within({ query: () => Promise.reject(new Error('never asked')) }));
    }
  });
}

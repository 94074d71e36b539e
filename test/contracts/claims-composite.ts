import { compareKeys, joinKey, keyOf } from '../../src/domain/keys.ts';
import type { Row } from '../../src/domain/values.ts';
import { failsWith } from './failing.ts';
import { mixed, pick, uuid } from './rows.ts';
import type { Claim, Needs } from './store-contract.ts';
import { PLACES } from './tables.ts';

const TYPES = PLACES.spec.keys.map(({ type }) => type);
const SLOTS = ['a', 'B', 'ä', 'a~b', 'a%b', '%7E', '~', ' ', "it's", 'a,b', '{"x"}', '0', '10', '9', '\\'];

/** Keys made of several columns. */
export function compositeClaims(claim: Claim): void {
  const composite: Needs = {
    capability: ({ compositeKeys }) => compositeKeys || 'a key is one column in this kind of store',
  };
  const described: Needs = {
    capability: ({ compositeKeys, describesTables }) =>
      (compositeKeys && describesTables) || 'tables are not described, or have keys of one column',
  };
  const place = (shelf: number, slot: string, thing = 1, more: Row = {}): Row => ({
    shelf,
    slot,
    thing: uuid(thing),
    amount: null,
    label: null,
    ...more,
  });
  const key = (shelf: number, slot: string, thing = 1) => joinKey([String(shelf), slot, uuid(thing)]);

  claim(
    'describe knows that the columns of a composite key are unique together',
    described,
    async (t, { places }) => {
      t.equal((await places.describe())?.keyIsUnique, true);
    },
  );

  claim('describe knows that a part of a composite key is not unique', described, async (t, { store }) => {
    const [first] = PLACES.spec.keys;
    if (!first) throw new Error('no key');
    t.equal((await store.table({ ...PLACES.spec, keys: [first] }).describe())?.keyIsUnique, false);
  });

  claim('a row is found by all parts of its key, and by nothing less', composite, async (t, { places }) => {
    await places.upsertMany([place(1, 'a'), place(1, 'b'), place(2, 'a'), place(1, 'a', 2)]);
    const found = await places.get([key(1, 'a'), key(2, 'a'), key(2, 'b'), key(3, 'a')]);
    t.same([...found.keys()].sort(), [key(1, 'a'), key(2, 'a')]);
    t.same(pick(found.get(key(1, 'a')), place(1, 'a')), place(1, 'a'));
  });

  claim(
    'parts with the separator in them, or any other character, are kept apart',
    composite,
    async (t, { places }) => {
      const rows = SLOTS.map((slot, index) => place(index, slot, 1, { label: slot }));
      await places.upsertMany(rows);
      for (const [index, slot] of SLOTS.entries()) {
        const wanted = key(index, slot);
        t.equal((await places.get([wanted])).get(wanted)?.label, slot);
      }
      const found = await places.get(SLOTS.map((slot, index) => key(index, slot)));
      t.equal(found.size, SLOTS.length, 'together too');
    },
  );

  claim(
    'composite keys are scanned part by part, in pages, without a gap',
    composite,
    async (t, { places }) => {
      const rows = mixed(150).map((number) =>
        place(Math.floor(number / 50), SLOTS[number % SLOTS.length] as string, Math.floor(number / 15) % 10),
      );
      await places.upsertMany(rows);
      const keys = new Set(rows.map((row) => keyOf(PLACES.spec.keys, row)));
      const all = await places.scanKeys(null, 1_000);
      t.same(
        all,
        [...keys].sort((a, b) => compareKeys(TYPES, a, b)),
      );
      const paged: string[] = [];
      for (;;) {
        const page = await places.scanKeys(paged.at(-1) ?? null, 7);
        if (page.length === 0) break;
        paged.push(...page);
      }
      t.same(paged, all);
      t.equal(await places.highestKey(), all.at(-1));
    },
  );

  claim(
    'a composite key that is there is a duplicate; one that differs in a part is not',
    composite,
    async (t, { places }) => {
      await places.insert(place(1, 'a'));
      const error = await failsWith(t, 'duplicate', places.insert(place(1, 'a', 1, { label: 'second' })));
      t.equal(error.outcome, 'not-applied');
      t.equal((await places.insert(place(1, 'a', 2))).thing, uuid(2));
      t.equal(await places.count(), 2);
    },
  );

  claim('an update, also one of a part of the key, changes one row', composite, async (t, { places }) => {
    await places.upsertMany([place(1, 'a'), place(1, 'b'), place(2, 'a')]);
    const changed = await places.update(key(1, 'a'), { ...place(1, 'a'), label: 'changed' });
    t.same(pick(changed, { label: 'changed', slot: 'a' }), { label: 'changed', slot: 'a' });
    t.equal((await places.update(key(1, 'a'), { slot: 'z' }))?.slot, 'z');
    t.equal(await places.update(key(1, 'a'), { label: 'gone' }), null);
    t.same(await places.scanKeys(null, 10), [key(1, 'b'), key(1, 'z'), key(2, 'a')]);
  });

  claim(
    'rows with composite keys are deleted one by one and many at a time',
    composite,
    async (t, { places }) => {
      await places.upsertMany(SLOTS.map((slot) => place(1, slot)));
      t.equal(await places.remove(key(1, 'a')), true);
      t.equal(await places.remove(key(1, 'a')), false);
      await places.removeMany(SLOTS.filter((slot) => slot !== '~').map((slot) => key(1, slot)));
      t.same(await places.scanKeys(null, 10), [key(1, '~')]);
    },
  );

  claim('upsertMany changes the row whose whole key is given', composite, async (t, { places }) => {
    await places.upsertMany([place(1, 'a'), place(1, 'b')]);
    await places.upsertMany([
      place(1, 'a', 1, { label: 'twice' }),
      place(1, 'c'),
      place(1, 'a', 1, { label: 'last' }),
    ]);
    t.same(
      (await places.scan(null, 10)).map(({ slot, label }) => [slot, label]),
      [
        ['a', 'last'],
        ['b', null],
        ['c', null],
      ],
    );
  });

  claim('keysWhere answers composite keys', composite, async (t, { places }) => {
    await places.upsertMany([
      place(1, 'a~b', 1, { label: 'x' }),
      place(2, 'b', 1, { label: 'x' }),
      place(3, 'c'),
    ]);
    t.same(await places.keysWhere({ field: 'label', op: 'eq', value: 'x' }, 10), [
      key(1, 'a~b'),
      key(2, 'b'),
    ]);
  });
}

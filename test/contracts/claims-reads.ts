import { compareKeys } from '../../src/domain/keys.ts';
import { afterRow, type ListQuery, type SortBy } from '../../src/domain/query.ts';
import type { Row, Value } from '../../src/domain/values.ts';
import type { Table } from '../../src/stores/contract.ts';
import { countersOf, filled, mixed, rowOf, thingsOf, uuid, withoutMicroseconds } from './rows.ts';
import type { Claim } from './store-contract.ts';

const BY_ID: SortBy = { field: 'id', descending: false };
const ALL: ListQuery = { where: null, sort: [BY_ID], limit: 100, offset: 0, total: false };
/** More rows than a server may be willing to answer with at once. */
const MANY = 2_300;

export function readClaims(claim: Claim): void {
  claim('get answers the rows that are there and no others', {}, async (t, { things }) => {
    await things.upsertMany(thingsOf(things, [{ note: 'a' }, { note: 'b' }, { note: 'c' }]));
    const found = await things.get([uuid(1), uuid(3), uuid(99)]);
    t.same([...found.keys()].sort(), [uuid(1), uuid(3)]);
    t.equal(found.get(uuid(3))?.note, 'c');
  });

  claim('get of no keys and of an absent key is empty', {}, async (t, { things }) => {
    t.equal((await things.get([])).size, 0);
    t.equal((await things.get([uuid(1)])).size, 0);
  });

  claim('get answers 500 keys at once, each under its own key', {}, async (t, { things }) => {
    await things.upsertMany(
      thingsOf(
        things,
        Array.from({ length: 500 }, (_, index) => ({ small: index + 1 })),
      ),
    );
    const keys = Array.from({ length: 600 }, (_, index) => uuid(index + 1));
    const found = await things.get(keys);
    t.equal(found.size, 500);
    t.ok([...found].every(([key, row]) => row.id === key && key === uuid(row.small as number)));
  });

  claim('integer keys are text in keys and numbers in rows', {}, async (t, { counters }) => {
    await counters.insert({ id: 12, label: 'twelve' });
    const found = await counters.get(['12']);
    t.equal(found.get('12')?.id, 12);
    t.same(await counters.scanKeys(null, 5), ['12']);
  });

  for (const key of [
    '1e3',
    'null',
    'true',
    ' a ',
    'a,b',
    '"q"',
    "it's",
    'a/b?c=d&e#f',
    '100%',
    'é🌳',
    '(x)',
    'A.B:c',
  ]) {
    claim(
      `a record whose text key is ${JSON.stringify(key)} is found, changed and deleted`,
      {},
      async (t, { notes }) => {
        await notes.upsertMany([
          { code: key, body: 'this', rank: 1 },
          { code: `${key}+`, body: 'other', rank: 2 },
        ]);
        t.equal((await notes.get([key])).get(key)?.body, 'this');
        t.equal((await notes.get([key, `${key}+`])).size, 2);
        t.equal((await notes.update(key, { body: 'new' }))?.body, 'new');
        t.equal(await notes.remove(key), true);
        t.same(await notes.scanKeys(null, 10), [`${key}+`]);
      },
    );
  }

  claim('list pages by limit and offset in the order of its sort', {}, async (t, { counters }) => {
    await counters.upsertMany(countersOf([5, 3, 1, 4, 2]));
    const ids = async (query: Partial<ListQuery>) =>
      (await counters.list({ ...ALL, ...query })).rows.map(({ id }) => id);
    t.same(await ids({}), [1, 2, 3, 4, 5]);
    t.same(await ids({ limit: 2 }), [1, 2]);
    t.same(await ids({ limit: 2, offset: 3 }), [4, 5]);
    t.same(await ids({ limit: 3, sort: [{ field: 'id', descending: true }] }), [5, 4, 3]);
    t.same(await ids({ limit: 0 }), []);
  });

  claim('list answers an exact total where it is asked for, on any page', {}, async (t, { counters }) => {
    await counters.upsertMany(countersOf(mixed(30)));
    const total = async (query: Partial<ListQuery>) =>
      (await counters.list({ ...ALL, total: true, ...query })).total;
    t.equal(await total({ limit: 10 }), 30);
    t.equal(await total({ limit: 10, offset: 25 }), 30);
    t.equal(await total({ limit: 0 }), 30);
    t.equal(await total({ where: { field: 'value', op: 'eq', value: 3 } }), 4);
    t.equal((await counters.list(ALL)).total, null, 'null where it is not asked for');
  });

  claim('a page beyond the last row is empty and still has its total', {}, async (t, { counters }) => {
    await counters.upsertMany(countersOf([1, 2, 3]));
    const { rows, total } = await counters.list({ ...ALL, offset: 50, total: true });
    t.same(rows, []);
    t.equal(total, 3);
    t.same(await counters.list({ ...ALL, where: { field: 'id', op: 'gt', value: 9 }, total: true }), {
      rows: [],
      total: 0,
    });
  });

  claim('a sort puts nulls last when ascending and first when descending', {}, async (t, { things }) => {
    await things.upsertMany(thingsOf(things, [{ small: 2 }, { small: null }, { small: 1 }, { small: null }]));
    const smalls = async (descending: boolean) => {
      const { rows } = await things.list({ ...ALL, sort: [{ field: 'small', descending }, BY_ID] });
      return rows.map(({ small, id }) => [small, id]);
    };
    const [one, two, three, four] = [uuid(1), uuid(2), uuid(3), uuid(4)];
    t.same(await smalls(false), [
      [1, three],
      [2, one],
      [null, two],
      [null, four],
    ]);
    t.same(await smalls(true), [
      [null, two],
      [null, four],
      [2, one],
      [1, three],
    ]);
  });

  claim('a sort by several fields goes by the first that differs', {}, async (t, { things }) => {
    await things.upsertMany(
      thingsOf(things, [
        { active: true, small: 1 },
        { active: false, small: 2 },
        { active: true, small: 3 },
        { active: false, small: 1 },
      ]),
    );
    const sort = [{ field: 'active', descending: true }, { field: 'small', descending: true }, BY_ID];
    const { rows } = await things.list({ ...ALL, sort });
    t.same(
      rows.map(({ id }) => id),
      [uuid(3), uuid(1), uuid(2), uuid(4)],
    );
  });

  claim('a list longer than the server likes to answer is whole', {}, async (t, { counters }) => {
    await counters.upsertMany(countersOf(mixed(MANY)));
    const sort = [{ field: 'value', descending: true }, BY_ID];
    const { rows, total } = await counters.list({ ...ALL, sort, limit: MANY, total: true });
    t.equal(rows.length, MANY);
    t.equal(new Set(rows.map(({ id }) => id)).size, MANY, 'each row once');
    t.ok(isSorted(rows.map((row) => -(row.value as number))), 'in order');
    t.equal(total, MANY);
    const part = await counters.list({ ...ALL, limit: 1_500, offset: 200 });
    t.same([part.rows.length, part.rows[0]?.id, part.rows.at(-1)?.id], [1_500, 200, 1_699]);
  });

  for (const [title, sort] of Object.entries(KEYSETS)) {
    claim(`pages after a row read every row once, sorted by ${title}`, {}, async (t, { things, limits }) => {
      const rows = Array.from({ length: 45 }, (_, index) => ({
        small: index % 5 === 0 ? null : index % 4,
        note: index % 3 === 0 ? null : (NOTES[index % NOTES.length] as string),
        at: index % 7 === 0 ? null : `2026-01-0${(index % 3) + 1}T00:00:00.00000${index % 2}Z`,
        amount: index % 2 ? null : index / 4,
      }));
      const given = limits.microseconds ? rows.map(withoutMicroseconds) : rows;
      await things.upsertMany(thingsOf(things, given));
      const wanted = (await things.list({ ...ALL, sort })).rows.map(({ id }) => id);
      t.same(await readByPages(things, sort, 7), wanted);
    });
  }

  claim(
    'scan reads more than 2000 rows in key order, each once',
    {},
    async (t, { store, counters, things }) => {
      await counters.upsertMany(countersOf(mixed(MANY)));
      t.same(
        await scanAll(counters, 700),
        Array.from({ length: MANY }, (_, index) => String(index)),
      );
      if (!store.capabilities.keyOrders.includes('uuid')) return;
      await things.upsertMany(
        thingsOf(
          things,
          mixed(400).map((number) => ({ id: uuid(number * 99_991) })),
        ),
      );
      const keys = await scanAll(things, 150);
      t.equal(keys.length, 400);
      t.same(
        keys,
        [...keys].sort((a, b) => compareKeys('uuid', a, b)),
      );
    },
  );

  claim(
    'scan goes by the bytes of a text key',
    {
      capability: ({ keyOrders }) => keyOrders.includes('text') || 'text keys have the order of a collation',
    },
    async (t, { notes }) => {
      const keys = ['b', 'B', 'a', 'ä', 'é', 'Z', '_', '1', '10', '2', 'a b', '漢', '🌳'];
      await notes.upsertMany(keys.map((code) => ({ code, body: null, rank: null })));
      t.same(
        await scanAll(notes, 4),
        [...keys].sort((a, b) => compareKeys('text', a, b)),
      );
    },
  );

  claim('scanKeys answers the keys of scan', {}, async (t, { counters }) => {
    await counters.upsertMany(countersOf(mixed(25)));
    t.same(await counters.scanKeys(null, 3), ['0', '1', '2']);
    t.same(await counters.scanKeys('22', 10), ['23', '24']);
    t.same(await counters.scanKeys('24', 10), []);
    t.same(
      (await counters.scan('22', 10)).map(({ id }) => id),
      [23, 24],
    );
  });

  claim('count is exact, of all rows and under a condition', {}, async (t, { counters }) => {
    t.equal(await counters.count(), 0);
    await counters.upsertMany(countersOf(mixed(MANY)));
    t.equal(await counters.count(), MANY);
    t.equal(await counters.count({ field: 'id', op: 'lt', value: 2_000 }), 2_000);
    t.equal(await counters.count({ field: 'id', op: 'lt', value: 0 }), 0);
  });

  claim('keysWhere answers keys, up to its limit', {}, async (t, { counters }) => {
    await counters.upsertMany(countersOf(mixed(1_200)));
    const found = await counters.keysWhere({ field: 'value', op: 'eq', value: 0 }, 10_000);
    t.same(
      found.map(Number).sort((a, b) => a - b),
      Array.from({ length: 172 }, (_, index) => index * 7),
    );
    t.equal((await counters.keysWhere({ field: 'id', op: 'gte', value: 0 }, 1_100)).length, 1_100);
    t.same(await counters.keysWhere({ field: 'id', op: 'lt', value: 0 }, 10), []);
  });

  claim('highestKey is the highest by value, and null in an empty table', {}, async (t, { counters }) => {
    t.equal(await counters.highestKey(), null);
    await counters.upsertMany(countersOf([9, 100, 20]));
    t.equal(await counters.highestKey(), '100');
  });

  claim('a read sees the write before it', {}, async (t, { counters }) => {
    for (let value = 1; value <= 20; value++) {
      if (value === 1) await counters.insert({ id: 1, value });
      else await counters.update('1', { value });
      t.equal((await counters.get(['1'])).get('1')?.value, value);
    }
  });

  claim('rowOf reads back what a partial row left out as null', {}, async (t, { things }) => {
    await things.upsertMany([rowOf(things, { id: uuid(1), name: 'x' })]);
    const row = (await things.get([uuid(1)])).get(uuid(1));
    t.same(filled(things, row), rowOf(things, { id: uuid(1), name: 'x' }));
  });
}

const NOTES = [
  '',
  'a',
  'a,b',
  'say "hi"',
  'back\\slash',
  '(bracket)',
  "it's",
  'é',
  '{brace}',
  '100%',
  'x.y:z',
  'null',
];
const KEYSETS: Record<string, SortBy[]> = {
  'a number with ties and nulls': [{ field: 'small', descending: false }, BY_ID],
  'a number with ties and nulls, descending': [
    { field: 'small', descending: true },
    { field: 'id', descending: true },
  ],
  'awkward texts with nulls': [{ field: 'note', descending: false }, BY_ID],
  'awkward texts with nulls, descending': [{ field: 'note', descending: true }, BY_ID],
  'a timestamp of microseconds and a decimal': [
    { field: 'at', descending: true },
    { field: 'amount', descending: false },
    BY_ID,
  ],
};

async function readByPages(table: Table, sort: SortBy[], limit: number): Promise<Value[]> {
  const ids: Value[] = [];
  let last: Row | undefined;
  do {
    const where = last
      ? afterRow(
          sort,
          sort.map(({ field }) => last?.[field] ?? null),
        )
      : null;
    const { rows } = await table.list({ where, sort, limit, offset: 0, total: false });
    ids.push(...rows.map(({ id }) => id ?? null));
    last = rows.at(-1);
  } while (last && ids.length < 1_000);
  return ids;
}

async function scanAll(table: Table, limit: number): Promise<string[]> {
  const keys: string[] = [];
  for (;;) {
    const rows = await table.scan(keys.at(-1) ?? null, limit);
    if (rows.length === 0) return keys;
    keys.push(...rows.map((row) => String(row[table.spec.key])));
  }
}

function isSorted(numbers: number[]): boolean {
  return numbers.every((number, index) => index === 0 || (numbers[index - 1] as number) <= number);
}

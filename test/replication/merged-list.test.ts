import { randomInt } from 'node:crypto';
import t from 'tap';
import { compareRecords } from '../../src/domain/order.ts';
import { afterRow, type Condition, type ListQuery, type SortBy } from '../../src/domain/query.ts';
import type { PublicRecord, Value } from '../../src/domain/values.ts';
import type { Key } from '../../src/domain/words.ts';
import { both } from '../../src/replication/legacy-share.ts';
import { listMerged } from '../../src/replication/merged-list.ts';
import { moveKeys } from '../../src/replication/move.ts';
import { moveAll } from '../../src/replication/mover.ts';
import { Random } from '../../src/quickstart/random.ts';
import { statisticsMerged } from '../../src/replication/statistics.ts';
import { Fold, type StatisticsGroup, type StatisticsQuery } from '../../src/domain/statistics.ts';
import { change, create, newKey, openPlace, openReplica, remove } from '../protocol/place.ts';

const place = await openPlace(t);
const { companies } = place;
await place.reset('merged');
const replica = await openReplica(place, 'a');
const { generation } = await place.state();
const byKey: SortBy = { field: 'id', descending: false };
const list = async (query: Partial<ListQuery>) =>
  await listMerged(companies, generation, {
    where: null,
    sort: [byKey],
    limit: 500,
    offset: 0,
    total: false,
    ...query,
  });

const ORDERS: readonly SortBy[][] = [
  [byKey],
  [{ field: 'id', descending: true }],
  [{ field: 'employees', descending: true }, byKey],
  [{ field: 'employees', descending: false }, byKey],
  [{ field: 'active', descending: false }, { field: 'employees', descending: true }, byKey],
  [{ field: 'createdAt', descending: true }, byKey],
  [{ field: 'sector', descending: true }, byKey],
];
const FILTERS: readonly (Condition | null)[] = [
  null,
  null,
  { field: 'sector', op: 'eq', value: 'red' },
  { field: 'employees', op: 'gte', value: 3 },
  { field: 'employees', op: 'null', value: true },
];

function holds(where: Condition | null, record: PublicRecord): boolean {
  if (!where || !('field' in where)) return true;
  const value = record[where.field] ?? null;
  if (where.op === 'null') return value === null;
  return where.op === 'eq' ? value === where.value : value !== null && Number(value) >= Number(where.value);
}

const typeOf = (field: string) => companies.mapping.field(field)?.type ?? 'text';
const inOrder = (sort: readonly SortBy[]) => (a: PublicRecord, b: PublicRecord) =>
  compareRecords(sort, typeOf, a, b);

/** What is there, by what clients were told; and what of it somebody has touched since a list began. */
class Model {
  readonly records = new Map<Key, PublicRecord>();
  readonly touched = new Set<Key>();
  private readonly random: Random;

  constructor(random: Random) {
    this.random = random;
  }

  matching(where: Condition | null, sort: readonly SortBy[]): PublicRecord[] {
    return [...this.records.values()].filter((record) => holds(where, record)).sort(inOrder(sort));
  }

  /** One write, or a move of some records, by way of a gateway or of the mover. */
  async step(): Promise<void> {
    const { random } = this;
    const key = this.records.size > 0 ? random.pick([...this.records.keys()]) : '';
    const dice = random.next();
    if (key === '' || dice < 0.15) return await this.create();
    if (dice < 0.3) return await this.change(key, { name: `renamed ${random.int(0, 99)}` });
    if (dice < 0.4) return await this.change(key, { employees: this.employees() });
    if (dice < 0.5) return await this.change(key, { sector: random.pick(['red', 'blue']) });
    if (dice < 0.65) return await this.remove(key);
    const some = [...this.records.keys()].filter(() => random.chance(0.2));
    await moveKeys(companies, some, generation);
  }

  async create(): Promise<void> {
    const key = newKey();
    const { record } = await create(replica, key, 'created');
    this.records.set(key, record);
    this.touched.add(key);
  }

  async change(key: Key, changes: PublicRecord): Promise<void> {
    // A name is no field that these lists are sorted or filtered by: such a record must not be missed.
    if (!('name' in changes)) this.touched.add(key);
    const { record } = await change(replica, key, changes);
    this.records.set(key, record);
  }

  async remove(key: Key): Promise<void> {
    this.touched.add(key);
    await remove(replica, key);
    this.records.delete(key);
  }

  employees(): Value {
    return this.random.chance(0.2) ? null : this.random.int(0, 6);
  }
}

/** Legacy's records: few different values, so that pages end among equal ones. */
async function fill(model: Model, random: Random, count: number): Promise<void> {
  await place.reset('merged');
  await replica.routes.register();
  const rows = Array.from({ length: count }, () => ({
    id: newKey(),
    name: 'old',
    sector: random.pick(['red', 'blue']),
    employees: model.employees(),
    active: random.chance(0.5),
    created_at: `2026-01-0${random.int(1, 9)}T00:00:00Z`,
  }));
  await place.sides.legacy.database.query(
    `INSERT INTO companies (id, name, sector, employees, active, created_at)
     SELECT id, name, sector, employees, active, created_at FROM json_populate_recordset(NULL::companies, $1::json)`,
    [JSON.stringify(rows)],
  );
  for (const record of await companies.legacy.scan(null, count)) model.records.set(String(record.id), record);
}

t.test(
  'pages while records are created, changed, moved and deleted: none that stays is missed or comes twice',
  async (t) => {
    const seed = Number(process.env.SEED ?? randomInt(1_000_000));
    t.comment(`SEED=${seed}`);
    for (let round = 0; round < 14; round += 1) {
      const random = new Random(seed + round);
      const model = new Model(random);
      await fill(model, random, random.int(0, 60));
      for (let warm = random.int(0, 12); warm > 0; warm -= 1) await model.step();
      model.touched.clear();
      const sort = ORDERS[round % ORDERS.length] as SortBy[];
      const where = random.pick(FILTERS);
      const before = model.matching(where, sort);
      const seen: PublicRecord[] = [];
      const limit = random.int(1, 12);
      for (let from = where; ;) {
        const writes = async () => {
          for (let step = random.int(0, 3); step > 0; step -= 1) await model.step();
        };
        // Half of the writes come between two pages, half in the middle of one.
        const [page] = await Promise.all([list({ where: from, sort, limit }), writes()]);
        await writes();
        seen.push(...page.records);
        const last = page.records.at(-1);
        if (!last || page.records.length < limit) break;
        const values = sort.map(({ field }) => last[field] ?? null);
        from = both(where, afterRow(sort, values));
      }
      const claim = `round ${round}, ${sort.map(({ field }) => field).join()}, ${JSON.stringify(where)}, ${limit} a page`;
      const stayed = (record: PublicRecord) => !model.touched.has(String(record.id));
      const ids = (records: readonly PublicRecord[]) => records.filter(stayed).map(({ id }) => id);
      t.same(ids(seen), ids(before), `${claim}: what stays is seen once, in its order`);
      const after = model.matching(where, sort);
      const whole = await list({ where, sort, total: true });
      t.same(whole.records, after, `${claim}: at rest it is exactly what clients were told`);
      t.equal(whole.total, after.length, `${claim}: and so many`);
      const offset = random.int(0, after.length + 2);
      const middle = await list({ where, sort, limit: 5, offset });
      t.same(middle.records, after.slice(offset, offset + 5), `${claim}: from ${offset} on`);
    }
  },
);

const STATISTICS: readonly Omit<StatisticsQuery, 'where'>[] = [
  { groupBy: [], measures: [{ field: 'employees', sum: true, range: true }] },
  {
    groupBy: [{ field: 'sector', by: 'value' }],
    measures: [
      { field: 'employees', sum: true, range: true },
      { field: 'createdAt', sum: false, range: true },
    ],
  },
  {
    groupBy: [
      { field: 'createdAt', by: 'day' },
      { field: 'active', by: 'value' },
    ],
    measures: [{ field: 'employees', sum: true, range: true }],
  },
];

t.test(
  'statistics of both sides are what one table with all of it would say, however far the mover is',
  async (t) => {
    const seed = Number(process.env.SEED ?? randomInt(1_000_000));
    t.comment(`SEED=${seed}`);
    for (let round = 0; round < 6; round += 1) {
      const random = new Random(seed + round);
      const model = new Model(random);
      await fill(model, random, random.int(5, 50));
      const small = {
        ...companies,
        settings: { ...companies.settings, backfill: { start: 'manual', chunk: 4 } },
      } as const;
      const stop = new AbortController();
      let chunks = random.int(0, 4);
      const onProgress = () => void (chunks-- <= 0 && stop.abort());
      const options = {
        generation,
        again: false,
        syncParents: async () => {},
        signal: stop.signal,
        onProgress,
      };
      for (let step = 0; step < 8; step += 1) await model.step();
      await moveAll(small, options).catch(() => undefined);
      for (let step = 0; step < 8; step += 1) await model.step();
      for (const asked of STATISTICS) {
        const where = random.pick(FILTERS);
        const fold = new Fold({ ...asked, where }, typeOf);
        for (const record of model.matching(where, [byKey])) fold.add(record);
        const lines = (groups: StatisticsGroup[]) =>
          groups
            .filter(({ count }) => count > 0)
            .map((group) => JSON.stringify(group))
            .sort();
        const found = await statisticsMerged(companies, generation, { ...asked, where });
        t.same(
          lines(found),
          lines(fold.result),
          `round ${round}, ${JSON.stringify(where)}, ${JSON.stringify(asked.groupBy)}`,
        );
      }
    }
  },
);

t.test('totals are exact at any moment while the mover is under way', async (t) => {
  const random = new Random(1);
  const model = new Model(random);
  await fill(model, random, 40);
  for (let step = 0; step < 12; step += 1) await model.step();
  t.equal((await list({ limit: 1, total: 'estimate' })).totalIsEstimate, true, "legacy's share is one");
  const small = {
    ...companies,
    settings: { ...companies.settings, backfill: { start: 'manual', chunk: 3 } },
  } as const;
  const expected = model.records.size;
  const red = model.matching({ field: 'sector', op: 'eq', value: 'red' }, [byKey]).length;
  const totals = new Set<number | null>();
  const reds = new Set<number | null>();
  let moving = true;
  const moved = moveAll(small, { generation, again: false, syncParents: async () => {} }).finally(
    () => (moving = false),
  );
  let looks = 0;
  do {
    totals.add((await list({ limit: 1, total: true })).total);
    reds.add(
      (await list({ where: { field: 'sector', op: 'eq', value: 'red' }, limit: 1, total: true })).total,
    );
    looks += 1;
  } while (moving);
  t.match(await moved, { status: 'done' });
  t.same([[...totals], [...reds]], [[expected], [red]], `${looks} looks`);
  for (let step = 0; step < 12; step += 1) await model.step();
  t.equal((await list({ limit: 1, total: true })).total, model.records.size, 'and after it');
  const { total, totalIsEstimate } = await list({ limit: 1, total: 'estimate' });
  t.same([total, totalIsEstimate], [model.records.size, false], 'where new has all it is counted in no time');
});

t.test('a twin whose version in new does not match the filter is hidden all the same', async (t) => {
  await place.reset('merged');
  await replica.routes.register();
  const [changed, deleted] = [newKey(), newKey()];
  for (const key of [changed, deleted]) await place.legacy.put(key, 'old');
  await change(replica, changed, { sector: 'red' });
  await remove(replica, deleted);
  const where = { field: 'sector', op: 'eq', value: 'other' } as const;
  t.same(await list({ where, total: true }), { records: [], total: 0 });
});

t.test('a field without an order is refused', async (t) => {
  const asked = list({ sort: [{ field: 'tags', descending: false }, byKey] });
  await t.rejects(asked, { code: 'invalid-query', message: /cannot be sorted by "tags": it has no order/ });
});

t.end();

import { randomInt } from 'node:crypto';
import t from 'tap';
import type { ResourceSettings } from '../../src/domain/configuration.ts';
import type { FieldSpec, ModelSpec, ValueType } from '../../src/domain/model.ts';
import type { Condition, ListQuery } from '../../src/domain/query.ts';
import type { Database } from '../../src/domain/sql.ts';
import { Fold, type StatisticsGroup, type StatisticsQuery } from '../../src/domain/statistics.ts';
import { isExactNumber, numberText, type Row, type Value } from '../../src/domain/values.ts';
import { Mapping, NO_FIELD_SETTINGS } from '../../src/mapping/mapping.ts';
import { Random } from '../../src/quickstart/random.ts';
import { bindResource, type BoundResource } from '../../src/replication/resource.ts';
import { partsOf } from '../../src/replication/legacy-share.ts';
import { statisticsOn } from '../../src/replication/statistics.ts';
import { ResilientStore } from '../../src/stores/resilient.ts';
import { filterOf } from '../../src/stores/supabase/conditions.ts';
import { unconnected } from '../harness/bound.ts';
import { sqliteFile } from '../stores/sql/place.ts';

const field = (name: string, type: ValueType, more: Partial<FieldSpec> = {}): FieldSpec => ({
  name,
  column: name,
  type,
  list: false,
  nullable: true,
  hasDefault: false,
  touched: false,
  maxLength: null,
  precision: null,
  values: null,
  ...more,
});

const MODEL: ModelSpec = {
  name: 'Order',
  table: 'orders',
  keys: [{ name: 'id', type: 'uuid' }],
  key: 'id',
  keyType: 'uuid',
  keyFromSequence: false,
  references: [],
  fields: [
    field('id', 'uuid', { nullable: false }),
    field('clientId', 'uuid'),
    field('stage', 'enum', { values: ['open', 'done'] }),
    field('active', 'boolean'),
    field('points', 'int'),
    field('price', 'decimal'),
    field('weight', 'decimal'),
    field('at', 'timestamp'),
    field('dueOn', 'date'),
  ],
};
const INTEGERS = { public: 'uuid', legacy: 'int', new: 'uuid' } as const;
const MAPPING = new Mapping(
  MODEL,
  { name: 'orders', key: 'id' },
  {
    ...NO_FIELD_SETTINGS,
    types: {
      active: { legacy: 'int', as: 'number' },
      price: { as: 'string' },
      weight: { legacy: 'float', as: 'number' },
      dueOn: { legacy: 'timestamp', as: 'number' },
    },
    enums: { stage: { open: 'O', done: 'D' } },
    defaults: {
      points: { value: 5, back: 'null' },
      at: { value: '2026-01-02T00:00:00.000Z', back: 'null' },
    },
  },
  { ids: INTEGERS, references: new Map([['clientId', INTEGERS]]) },
);
const DDL = `CREATE TABLE orders (id INTEGER PRIMARY KEY, clientId INTEGER, stage TEXT, active INTEGER,
  points INTEGER, price TEXT, weight REAL, at TEXT, dueOn TEXT)`;

const { other, open } = await sqliteFile(t, DDL);
const store = new ResilientStore(open(), {}, () => undefined);

function orders(statisticsFromRows: boolean): BoundResource {
  const settings = { name: 'orders', query: { statisticsFromRows } } as unknown as ResourceSettings;
  const timing = { timeout: 20_000, deadline: 60_000 };
  const stores = { legacy: store, new: store };
  return bindResource(
    settings,
    MAPPING,
    stores,
    { legacy: timing, new: timing },
    null as unknown as Database,
    [],
  );
}

/** Few different values, some of them missing. */
function fill(random: Random, count: number): void {
  other.exec('DELETE FROM orders');
  const maybe = <T>(value: T): T | null => (random.chance(0.25) ? null : value);
  const insert = other.prepare('INSERT INTO orders VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)');
  for (let id = 1; id <= count; id += 1)
    insert.run(
      id,
      maybe(random.int(1, 3)),
      maybe(random.pick(['O', 'D', 'open', '?'])),
      maybe(random.int(0, 1)),
      maybe(random.int(-9, 9)),
      maybe(`${random.int(-99, 99)}.${random.int(10, 99)}`),
      maybe(random.int(0, 30) / 10),
      maybe(`2026-01-0${random.int(1, 3)}T23:59:5${random.int(0, 9)}.000Z`),
      maybe(`2026-02-0${random.int(1, 3)}T00:00:00.000Z`),
    );
}

/** What the records say, one by one. */
async function folded(query: StatisticsQuery): Promise<StatisticsGroup[]> {
  const fold = new Fold(query, (name) => MAPPING.field(name)?.type ?? 'text');
  const { where } = query;
  const page = { where, sort: [{ field: 'id', descending: false }], limit: 10_000, offset: 0, total: false };
  for (const record of (await orders(false).legacy.list(page)).records) fold.add(record as Row);
  return fold.result;
}

/** In one order, and numbers as text: whether a sum is one is up to the form of the field. */
function lines(groups: readonly StatisticsGroup[]): string[] {
  const text = (value: Value) =>
    typeof value === 'number' || isExactNumber(value) ? numberText(value) : value;
  return groups
    .map(({ group, count, measures }) => {
      const measured = measures.map(({ count: there, sum, min, max }) => [
        there,
        ...[sum, min, max].map(text),
      ]);
      return JSON.stringify([group, count, measured]);
    })
    .sort();
}

const value = (name: string) => ({ field: name, by: 'value' }) as const;
const day = (name: string) => ({ field: name, by: 'day' }) as const;
const all = (name: string) => ({ field: name, sum: true, range: true });

const MADE: readonly Omit<StatisticsQuery, 'where'>[] = [
  { groupBy: [], measures: [all('points'), all('price'), { field: 'at', sum: false, range: true }] },
  { groupBy: [value('stage')], measures: [all('points')] },
  { groupBy: [value('clientId'), value('active')], measures: [{ field: 'stage', sum: false, range: false }] },
  { groupBy: [value('points')], measures: [all('price')] },
  { groupBy: [day('at')], measures: [{ field: 'dueOn', sum: false, range: true }] },
  { groupBy: [day('dueOn'), value('weight')], measures: [{ field: 'weight', sum: false, range: true }] },
  { groupBy: [value('price')], measures: [] },
];
const FILTERS: readonly (Condition | null)[] = [
  null,
  { field: 'stage', op: 'eq', value: 'open' },
  { field: 'points', op: 'eq', value: 5 },
];

t.test('statistics of fields in another form are made in the store and translated by group', async (t) => {
  const seed = Number(process.env.SEED ?? randomInt(1_000_000));
  t.comment(`SEED=${seed}`);
  const random = new Random(seed);
  const resource = orders(false);
  for (let round = 0; round < 4; round += 1) {
    fill(random, random.int(0, 60));
    for (const asked of MADE) {
      const query = { ...asked, where: random.pick(FILTERS) };
      const found = (await statisticsOn(resource, resource.legacy, query)).filter(({ count }) => count > 0);
      t.same(lines(found), lines(await folded(query)), JSON.stringify(query));
    }
  }
  t.equal(store.figures.folded, 0, 'no row was read for them');
});

const REFUSED: Readonly<Record<string, Omit<StatisticsQuery, 'where'>>> = {
  'legacy holds "weight" as float, of which it makes no exact sums': {
    groupBy: [],
    measures: [all('weight')],
  },
  'legacy holds "clientId" as ids of another form, which has another order': {
    groupBy: [],
    measures: [{ field: 'clientId', sum: false, range: true }],
  },
};

t.test(
  'what the store cannot make is refused with the reason, and folded where that is allowed',
  async (t) => {
    fill(new Random(1), 2_300);
    for (const [reason, asked] of Object.entries(REFUSED)) {
      const query = { ...asked, where: null };
      const [resource, generous] = [orders(false), orders(true)];
      const refused = statisticsOn(resource, resource.legacy, query);
      await t.rejects(refused, { code: 'statistics-unavailable' });
      const { message } = (await refused.catch((error: Error) => error as Error)) as Error;
      t.match(message, reason);
      t.match(message, 'set resources.orders.query.statisticsFromRows');
      const before = store.figures.folded;
      const pages: ListQuery[] = [];
      const { table } = generous.legacy;
      const list = table.list.bind(table);
      table.list = async (page) => (pages.push(page), await list(page));
      t.same(
        lines(await statisticsOn(generous, generous.legacy, query)),
        lines(await folded(query)),
        `${reason}: folded`,
      );
      t.equal(store.figures.folded - before, 2_300, 'each row once, and counted');
      t.same([pages.length, ...pages.map(({ offset }) => offset)], [3, 0, 0, 0], 'page after page, by key');
    }
  },
);

t.test('legacy’s share of both sides is asked for in conditions that fit into a URL', async (t) => {
  const { mapping, ...rest } = await unconnected('companies');
  const ahead = Array.from(
    { length: 1_000 },
    (_, n) => `a0000000-0000-4000-8000-${String(n).padStart(12, '0')}`,
  );
  const parts = partsOf({ mapping, ...rest }, { done: false, lastKey: null, ahead, refused: [] });
  const columns = new Map(mapping.tables.legacy.columns.map((column) => [column.name, column]));
  const lengths = parts.map(({ where }) => {
    const filter = filterOf(where && mapping.condition('legacy', where), columns) ?? [];
    return new URLSearchParams(filter).toString().length;
  });
  t.ok(parts.length > 1 && lengths.every((length) => length < 7_500), lengths.join());
});

t.end();

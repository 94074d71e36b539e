import { randomInt } from 'node:crypto';
import t from 'tap';
import { sortsAgree } from '../../src/control/guards/sorts-agree.ts';
import type { GuardContext } from '../../src/control/guards/guard.ts';
import { NOBODY } from '../../src/domain/callers.ts';
import type { SupabaseStoreSettings } from '../../src/domain/configuration.ts';
import { afterRow, type Condition, type ListQuery, type SortBy } from '../../src/domain/query.ts';
import type { PublicRecord } from '../../src/domain/values.ts';
import type { Key } from '../../src/domain/words.ts';
import { runWrite } from '../../src/gateway/writes.ts';
import { both } from '../../src/replication/legacy-share.ts';
import { listMerged } from '../../src/replication/merged-list.ts';
import { moveKeys } from '../../src/replication/move.ts';
import { RecordSide, type BoundResource } from '../../src/replication/resource.ts';
import { Random } from '../../src/quickstart/random.ts';
import { SupabaseStore } from '../../src/stores/supabase/store.ts';
import { change, newKey, openPlace, openReplica, remove } from '../protocol/place.ts';

const place = await openPlace(t);
await place.reset('merged');
const { generation } = await place.state();
const byKey: SortBy = { field: 'id', descending: false };
const up = (field: string): SortBy => ({ field, descending: false });
const down = (field: string): SortBy => ({ field, descending: true });

/** The companies with a legacy whose settings name this collation. */
function declaring(collation: string | null): BoundResource {
  const { companies, legacyWay, sides } = place;
  const { timing } = companies.legacy;
  const settings: SupabaseStoreSettings = {
    kind: 'supabase',
    url: legacyWay.url(sides.env.SUPABASE_URL as string),
    key: sides.legacy.key,
    collation,
    pool: { max: 8, wait: 5_000 },
    ...timing,
  };
  const store = new SupabaseStore('erp-legacy', settings, () => {});
  t.teardown(() => store.close());
  return { ...companies, legacy: new RecordSide('legacy', companies.mapping, store, timing) };
}

/** What legacy's columns of text sort by. */
async function legacySortsBy(collation: string): Promise<void> {
  await place.sides.legacy.database.query(
    `ALTER TABLE companies ALTER name TYPE text COLLATE "${collation}", ALTER email TYPE varchar(255) COLLATE "${collation}"`,
  );
}

const list = async (resource: BoundResource, query: Partial<ListQuery>) =>
  await listMerged(resource, generation, {
    where: null,
    sort: [byKey],
    limit: 500,
    offset: 0,
    total: false,
    ...query,
  });

/** Texts that are hard to put into a URL, or that collations see differently. */
const PIECES =
  `a A á Ä z Z co-op coop e\u0301 é ß ss İ ı 日本 😀 𐐷 \uFFFD , ' " \\ ( ) {} { } . : * % _ & = + # ? ; | null NULL not.is.null in.(a) and(a,b) "\\{},() 1 10 9 -1 true`
    .split(' ')
    .concat('', ' ', '\n', '\t');

class Texts {
  readonly records = new Map<Key, PublicRecord>();
  readonly touched = new Set<Key>();
  private readonly random: Random;

  constructor(random: Random) {
    this.random = random;
  }

  text(): string {
    const { random } = this;
    return Array.from({ length: random.int(1, 3) }, () => random.pick(PIECES)).join('');
  }

  email(): string | null {
    return this.random.chance(0.3) ? null : this.text();
  }

  /** By legacy's own collation, as one table with all records would have it. */
  async sorted(collation: string, sort: readonly SortBy[], where: Condition | null): Promise<string[]> {
    const order = sort.map(({ field, descending }) => `${field}${descending ? ' DESC' : ''}`).join(', ');
    const from = where && 'field' in where ? `WHERE ${where.field} >= $2 COLLATE "${collation}"` : '';
    const rows = await place.sides.legacy.database.query<{ id: string }>(
      `SELECT id FROM (SELECT (r->>'id')::uuid AS id, r->>'name' COLLATE "${collation}" AS name,
         r->>'email' COLLATE "${collation}" AS email FROM json_array_elements($1::json) r) r ${from} ORDER BY ${order}`,
      [
        JSON.stringify([...this.records.values()]),
        ...(where && 'field' in where ? [where.value as string] : []),
      ],
    );
    return rows.map(({ id }) => id);
  }

  async step(resource: BoundResource): Promise<void> {
    const { random } = this;
    const replica = await replicaOf(resource);
    const key = this.records.size > 0 ? random.pick([...this.records.keys()]) : newKey();
    const dice = random.next();
    if (!this.records.has(key) || dice < 0.3) {
      const made = newKey();
      this.touched.add(made);
      const record = { name: this.text(), email: this.email() };
      const caller = { key: made, record, repeated: false, caller: NOBODY };
      this.records.set(made, (await runWrite(replica, { verb: 'create', ...caller })).record);
    } else if (dice < 0.6) {
      const isSort = random.chance(0.3);
      if (isSort) this.touched.add(key);
      const changes: PublicRecord = isSort ? { email: this.email() } : { employees: random.int(0, 9) };
      this.records.set(key, (await change(replica, key, changes)).record);
    } else if (dice < 0.7) {
      this.touched.add(key);
      await remove(replica, key);
      this.records.delete(key);
    } else {
      const some = [...this.records.keys()].filter(() => random.chance(0.2));
      await moveKeys(resource, some, generation);
    }
  }

  async fill(resource: BoundResource, count: number): Promise<void> {
    const rows = Array.from({ length: count }, () => ({
      id: newKey(),
      name: this.text(),
      email: this.email(),
    }));
    await place.sides.legacy.database.query(
      'INSERT INTO companies (id, name, email) SELECT id, name, email FROM json_populate_recordset(NULL::companies, $1::json)',
      [JSON.stringify(rows)],
    );
    for (const record of await resource.legacy.scan(null, count)) this.records.set(String(record.id), record);
  }
}

const replicas = new Map<BoundResource, ReturnType<typeof openReplica>>();
function replicaOf(resource: BoundResource): ReturnType<typeof openReplica> {
  const replica = replicas.get(resource) ?? openReplica(place, `r${replicas.size}`, { resource });
  replicas.set(resource, replica);
  return replica;
}

const SORTS: readonly SortBy[][] = [
  [up('name'), byKey],
  [down('name'), byKey],
  [up('email'), down('id')],
  [down('email'), up('name'), byKey],
];

for (const [declared, collation] of [
  ['C.UTF-8', 'C'],
  ['en-US-x-icu', 'en-US-x-icu'],
] as const) {
  t.test(`pages in the order of ${declared} lack nothing, whatever is written between them`, async (t) => {
    const seed = Number(process.env.SEED ?? randomInt(1_000_000));
    t.comment(`SEED=${seed}`);
    await legacySortsBy(collation);
    const resource = declaring(declared);
    for (let round = 0; round < 4; round += 1) {
      const random = new Random(seed + round);
      const model = new Texts(random);
      await place.reset('merged');
      await (await replicaOf(resource)).routes.register();
      await model.fill(resource, random.int(0, 45));
      for (let warm = random.int(0, 12); warm > 0; warm -= 1) await model.step(resource);
      model.touched.clear();
      const sort = SORTS[round % SORTS.length] as SortBy[];
      const where: Condition | null = random.chance(0.3)
        ? { field: 'name', op: 'gte', value: model.text() }
        : null;
      const before = await model.sorted(collation, sort, where);
      const seen: string[] = [];
      const limit = random.int(1, 12);
      for (let query: Partial<ListQuery> = { where, sort, limit }; ;) {
        const writes = async () => {
          for (let step = random.int(0, 2); step > 0; step -= 1) await model.step(resource);
        };
        const [page] = await Promise.all([list(resource, query), writes()]);
        await writes();
        seen.push(...page.records.map(({ id }) => String(id)));
        const last = page.records.at(-1);
        if (!last || page.records.length < limit) break;
        const values = sort.map(({ field }) => last[field] ?? null);
        query = { sort, limit, where: both(where, afterRow(sort, values)), after: { values, within: where } };
      }
      const claim = `round ${round}, ${JSON.stringify(sort)}, ${JSON.stringify(where)}, ${limit} a page`;
      const stayed = (id: string) => !model.touched.has(id);
      t.same(seen.filter(stayed), before.filter(stayed), `${claim}: what stays is seen once, in its order`);
      const after = await model.sorted(collation, sort, where);
      const whole = await list(resource, { where, sort, total: true });
      t.same(
        whole.records.map(({ id }) => id),
        after,
        `${claim}: at rest it is exactly what clients were told`,
      );
      t.equal(whole.total, after.length, `${claim}: and so many`);
      const offset = random.int(0, after.length + 2);
      const middle = await list(resource, { where, sort, limit: 5, offset });
      t.same(
        middle.records.map(({ id }) => id),
        after.slice(offset, offset + 5),
        `${claim}: from ${offset} on`,
      );
    }
  });
}

t.test('a page begins after any text', async (t) => {
  await legacySortsBy('C');
  const resource = declaring('C.UTF-8');
  const texts = [
    'a"',
    '"',
    '"a"',
    '\\',
    ' "',
    '"{',
    '}"',
    '{"a":"b,c"}',
    '"{}',
    '(',
    'a)',
    '",',
    '"),(',
    '\\",id.gt.0',
  ];
  await place.reset('merged');
  await place.sides.legacy.database.query(
    `INSERT INTO companies (name, email) SELECT v, e FROM unnest($1::text[]) v, LATERAL (VALUES (v), (v), (NULL)) x(e)`,
    [texts],
  );
  for (const sort of SORTS.slice(2)) {
    const seen: unknown[] = [];
    for (let query: Partial<ListQuery> = { sort, limit: 2 }; ;) {
      const { records } = await list(resource, query);
      seen.push(...records.map(({ id }) => id));
      const last = records.at(-1);
      if (!last || records.length < 2 || seen.length > 3 * texts.length) break;
      const values = sort.map(({ field }) => last[field] ?? null);
      query = { sort, limit: 2, where: afterRow(sort, values), after: { values, within: null } };
    }
    t.equal(new Set(seen).size, seen.length, `none twice, ${JSON.stringify(sort)}`);
    t.equal(seen.length, 3 * texts.length, `none is missed, ${JSON.stringify(sort)}`);
  }
});

t.test(
  'a store that sorts otherwise than its settings say is found out, and no page lacks a record',
  async (t) => {
    await legacySortsBy('en-US-x-icu');
    await place.reset('merged');
    const resource = declaring('C.UTF-8');
    for (const name of ['a', 'B']) await place.legacy.put(newKey(), name);
    const wrong = { code: 'collation-differs', message: /"erp-legacy".*"name".*C\.UTF-8.*"a" before "B"/ };
    await t.rejects(list(resource, { sort: [up('name'), byKey] }), wrong, 'within a page');
    await t.rejects(
      list(resource, { sort: [down('name'), byKey] }),
      { message: /downwards it has "B" before "a"/ },
      'and downwards',
    );

    await place.reset('merged');
    const replica = await replicaOf(resource);
    await replica.routes.register();
    await place.legacy.put(newKey(), 'a');
    const record = { name: 'B' };
    await runWrite(replica, { verb: 'create', key: newKey(), record, repeated: false, caller: NOBODY });
    const sort = [up('name'), byKey];
    const { records } = await list(resource, { sort, limit: 1 });
    t.match(records, [{ name: 'B' }]);
    const values = [records[0]?.name ?? null, records[0]?.id ?? null];
    const next = { sort, limit: 1, where: afterRow(sort, values), after: { values, within: null } };
    await t.rejects(list(resource, next), wrong, 'where only a record of new lies between');
  },
);

t.test(
  'the step into merged names each field that cannot be sorted by, and what would be right',
  async (t) => {
    const check = async (resource: BoundResource) => await sortsAgree.check({ resource } as GuardContext);
    await legacySortsBy('en-US-x-icu');
    await place.reset('legacy');
    for (const name of ['a', 'B', 'co-op', 'coop']) await place.legacy.put(newKey(), name);
    t.equal(await check(declaring('en-US-x-icu')), null, 'none where it is as declared');
    t.match(await check(declaring('C.UTF-8')), {
      reason: /"name": legacy has "a" before "B", which is not the order of C\.UTF-8/,
      clears: /it sorts as en-US-x-icu.*SELECT CASE .* FROM pg_database/,
    });
    t.match(await check(declaring(null)), {
      reason: /"name": the legacy store "erp-legacy" sorts text in an order of its own/,
      clears: /it sorts as en-US-x-icu/,
    });
    t.match(await check(declaring('xx_YY.UTF-8')), {
      reason: /"name": the new Postgres has no collation "xx_YY\.UTF-8"/,
    });
    const sort = [up('name'), byKey];
    await t.rejects(list(declaring(null), { sort }), {
      code: 'invalid-query',
      message: /cannot be sorted by "name": .*its settings do not name/,
    });
    await t.rejects(list(declaring('xx_YY.UTF-8'), { sort }), { code: 'collation-missing' });
  },
);

t.end();

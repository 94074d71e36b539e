import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import type { ModelSpec } from '../../../src/domain/model.ts';
import type { Row } from '../../../src/domain/values.ts';
import { schemaDifference } from '../../../src/stores/prisma/migrate.ts';
import { readModels } from '../../../src/stores/prisma/model.ts';
import { failsWith } from '../../contracts/failing.ts';
import { createDatabase } from '../../harness/postgres.ts';
import { openPlace } from './place.ts';

const SCHEMA = `
datasource db {
  provider = "postgresql"
}
enum Stage {
  NEW     @map("new")
  IN_WORK @map("in work")
  Done

  @@map("deal stage")
}
enum Colour {
  Red
  Green
}
model Company {
  id       Int       @id
  parentId Int?      @map("parent_id")
  colour   Colour    @default(Green)
  parent   Company?  @relation("tree", fields: [parentId], references: [id], onDelete: Restrict)
  branches Company[] @relation("tree")
  deals    Deal[]

  @@map("companies")
}
model Deal {
  companyId Int     @map("company_id")
  number    Int
  stage     Stage   @default(IN_WORK)
  past      Stage[] @default([NEW, Done])
  company   Company @relation(fields: [companyId], references: [id], onDelete: Restrict, map: "company of deal")
  tasks     Task[]

  @@id(name: "place", fields: [companyId, number])
}
model Task {
  id          Int   @id
  dealNumber  Int?  @map("deal_number")
  dealCompany Int?  @map("deal_company")
  stages      Stage[]
  deal        Deal? @relation(fields: [dealNumber, dealCompany], references: [number, companyId], onDelete: Restrict)
}
`;

const database = await createDatabase(t);
const schema = join(t.testdir(), 'schema.prisma');
writeFileSync(schema, SCHEMA);
// The tables that Prisma itself would make.
await database.query(await schemaDifference({ url: database.accounts.owner, schema }));
const models = await readModels(schema);
const { store, outside } = openPlace(t, database.url);

/** The table of a model, as a resource without a mapping of its own has it. */
function tableOf(name: string) {
  const { table, keys, keyType, fields } = models.get(name) as ModelSpec;
  const columnOf = new Map(fields.map((field) => [field.name, field.column]));
  const columns = keys.map(({ name, type }) => ({ name: columnOf.get(name) ?? name, type }));
  return store.table({
    name: table,
    keys: columns,
    key: columns[0]?.name ?? '',
    keyType,
    columns: fields.map(({ column, type, list, nullable }) => ({ name: column, type, list, nullable })),
  });
}
const [companies, deals, tasks] = [tableOf('Company'), tableOf('Deal'), tableOf('Task')];
const company = (id: number, more: Row = {}): Row => ({ id, parent_id: null, colour: 'Red', ...more });
const deal = (company_id: number, number: number, more: Row = {}): Row => ({
  company_id,
  number,
  stage: 'new',
  past: [],
  ...more,
});
t.beforeEach(async () => {
  await outside.query('TRUNCATE companies, "Deal", "Task"');
  await companies.upsertMany([company(1), company(2, { parent_id: 1 })]);
});

await t.test('a relation is no column, and says what its fields refer to', (t) => {
  const fieldsOf = (name: string) => models.get(name)?.fields.map((field) => field.name);
  t.same(fieldsOf('Company'), ['id', 'parentId', 'colour']);
  t.same(fieldsOf('Deal'), ['companyId', 'number', 'stage', 'past']);
  t.same(models.get('Company')?.references, [{ fields: ['parentId'], model: 'Company' }], 'itself');
  t.same(models.get('Deal')?.references, [{ fields: ['companyId'], model: 'Company' }]);
  t.same(
    models.get('Task')?.references,
    [{ fields: ['dealCompany', 'dealNumber'], model: 'Deal' }],
    'in the order of the id, not of the relation',
  );
  t.end();
});

await t.test('an enumeration has the values and the defaults that the database has', (t) => {
  const field = (name: string) => models.get('Deal')?.fields.find((one) => one.name === name);
  const values = ['new', 'in work', 'Done'];
  t.match(field('stage'), { type: 'enum', list: false, values, preset: { value: 'in work' } });
  t.match(field('past'), { type: 'enum', list: true, values, preset: { value: ['new', 'Done'] } });
  t.end();
});

await t.test('values of an enumeration, and lists of them, are written in every way and found', async (t) => {
  t.match(await deals.insert({ company_id: 1, number: 1 }), { stage: 'in work', past: ['new', 'Done'] });
  await deals.upsertMany([deal(1, 2, { stage: 'Done', past: ['in work', 'new'] })]);
  await deals.insertMany?.([deal(1, 3, { past: ['Done'] })]);
  t.match(await deals.update('1~3', { stage: 'in work', past: [] }), { stage: 'in work', past: [] });
  const found = async (where: Parameters<typeof deals.keysWhere>[0]) => await deals.keysWhere(where, 9);
  t.same(await found({ field: 'stage', op: 'eq', value: 'in work' }), ['1~1', '1~3']);
  t.same(await found({ field: 'stage', op: 'in', value: ['Done', 'new'] }), ['1~2']);
  t.same(await found({ field: 'stage', op: 'contains', value: 'WORK' }), ['1~1', '1~3']);
  t.same(await found({ field: 'past', op: 'contains', value: 'new' }), ['1~1', '1~2']);
  const groups = await deals.statistics?.({
    where: null,
    groupBy: [{ field: 'stage', by: 'value' }],
    measures: [],
  });
  t.same(
    new Map(groups?.map(({ group, count }) => [group[0], count])),
    new Map([
      ['in work', 2],
      ['Done', 1],
    ]),
  );
  for (const write of [
    deals.insert(deal(1, 9, { stage: 'NEW' })),
    deals.upsertMany([deal(1, 9, { past: ['NEW'] })]),
  ])
    t.match((await failsWith(t, 'constraint-violated', write)).message, /deal stage.*NEW/);
});

await t.test('a record whose parent is missing is refused with the names of its fields', async (t) => {
  const one = await failsWith(t, 'reference-missing', deals.insert(deal(7, 1)));
  t.match(
    [one.details, one.outcome],
    [{ field: 'company_id', constraint: 'company of deal' }, 'not-applied'],
  );
  const whole = { id: 1, deal_number: 5, deal_company: 1, stages: [] };
  for (const write of [tasks.insert(whole), tasks.upsertMany([whole])])
    t.match((await failsWith(t, 'reference-missing', write)).details, {
      field: 'deal_number',
      fields: ['deal_number', 'deal_company'],
    });
  await deals.upsertMany([deal(1, 5)]);
  await tasks.insert(whole);
  t.match(
    await tasks.insert({ ...whole, id: 2, deal_number: null }),
    { deal_company: 1 },
    'half of a reference is none',
  );
  t.match(
    (await failsWith(t, 'reference-missing', tasks.update('1', { deal_number: 6 }))).outcome,
    'not-applied',
  );
});

await t.test('a record that others refer to cannot be deleted, and the reason is named', async (t) => {
  await deals.upsertMany([deal(2, 1)]);
  const related = await failsWith(t, 'reference-missing', companies.remove('2'));
  t.match(related.details, { constraint: 'company of deal' });
  t.match(related.message, /another refers to this one/);
  await failsWith(t, 'reference-missing', companies.removeMany(['1']));
  t.equal(await companies.count(), 2);
  await deals.removeMany(['2~1']);
  t.ok(await companies.remove('2'));
});

await t.test('records that refer to each other are written in one statement', async (t) => {
  await companies.upsertMany([company(8, { parent_id: 9 }), company(9, { parent_id: 8 })]);
  t.equal(await companies.count({ field: 'parent_id', op: 'in', value: [8, 9] }), 2);
  await failsWith(t, 'reference-missing', companies.upsertMany([company(5), company(6, { parent_id: 77 })]));
  t.equal((await companies.get(['5'])).size, 0);
});

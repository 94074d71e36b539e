import fc from 'fast-check';
import t from 'tap';
import type { FieldSettings } from '../../src/domain/configuration.ts';
import type { FieldSpec, ModelSpec, ValueType } from '../../src/domain/model.ts';
import { exactNumber, sameValue, type PublicRecord, type Row, type Value } from '../../src/domain/values.ts';
import { acceptRecord } from '../../src/mapping/accept.ts';
import type { CustomModule } from '../../src/mapping/custom.ts';
import { translateId, type IdForms } from '../../src/mapping/ids.ts';
import { Mapping } from '../../src/mapping/mapping.ts';
import { referredIds } from '../../src/mapping/references.ts';
import { roundTrip } from '../../src/mapping/round-trip.ts';

const field = (name: string, type: ValueType, more: Partial<FieldSpec> = {}): FieldSpec => ({
  name,
  column: `new_${name}`,
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

const MONGO: IdForms = { public: 'objectid', legacy: 'objectid', new: 'uuid' };

/** A record of everything that can be declared. */
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
    field('tagIds', 'uuid', { list: true, nullable: false }),
    field('status', 'text', { nullable: false }),
    field('stage', 'enum', { values: ['open', 'done'] }),
    field('street', 'text'),
    field('zip', 'text'),
    field('firstName', 'text'),
    field('lastName', 'text'),
    field('price', 'decimal', { precision: { digits: 12, scale: 2 } }),
    field('active', 'boolean'),
    field('paidAt', 'timestamp'),
    field('dueOn', 'date'),
    field('payload', 'json'),
    field('extra', 'json'),
    field('origin', 'text'),
  ],
};

const NAMES: CustomModule = {
  toNew({ full }) {
    if (full === null || full === undefined) return { firstName: null, lastName: null };
    const [first = '', ...rest] = String(full as string).split('|');
    return { firstName: first, lastName: rest.join('|') };
  },
  toLegacy: ({ firstName, lastName }) => ({
    full: firstName === null ? null : `${String(firstName as string)}|${String((lastName ?? '') as string)}`,
  }),
};

const SETTINGS: Partial<FieldSettings> = {
  case: 'snake',
  rename: { price: 'amount' },
  types: {
    active: { legacy: 'int', as: 'number' },
    paidAt: { legacy: 'bigint', as: 'number' },
    dueOn: { legacy: 'timestamp', as: 'number' },
    payload: { legacy: 'text', as: 'number' },
    price: { as: 'string' },
  },
  defaults: { status: { value: 'new', back: 'missing' } },
  constants: { legacy: { kind: 'order' }, new: { origin: 'gateway' } },
  enums: { stage: { open: 'O', done: 'D' } },
  embed: { address: { street: 'street', zip: 'postal' } },
  custom: [{ module: 'names.ts', fields: ['firstName', 'lastName'], columns: { full: 'text' } }],
  rest: 'extra',
  nulls: 'missing',
};

const TABLE = { name: 'orders', key: '_id' };
const mapping = new Mapping(MODEL, TABLE, SETTINGS, {
  ids: MONGO,
  references: new Map([
    ['clientId', MONGO],
    ['tagIds', MONGO],
  ]),
  modules: [NAMES],
});

const hex = fc.stringMatching(/^[0-9a-f]{24}$/);
const text = fc.string({ unit: 'grapheme' }).filter((value) => !/[|\u0000]/.test(value));
const maybe = <T extends Value>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { freq: 3 });
const moment = fc
  .date({ min: new Date(0), max: new Date('2100-01-01'), noInvalidDate: true })
  .map((date) => date.toISOString());

const records: fc.Arbitrary<PublicRecord> = fc
  .record({
    id: hex,
    clientId: maybe(hex),
    tagIds: fc.array(hex),
    status: fc.oneof(fc.constant('new'), text),
    stage: maybe(fc.constantFrom('open', 'done')),
    street: maybe(text),
    zip: maybe(text),
    name: maybe(fc.tuple(text, text)),
    price: maybe(fc.integer({ min: 0, max: 10 ** 10 }).map((cents) => String(exactNumber(`${cents}e-2`)))),
    active: maybe(fc.boolean()),
    paidAt: maybe(moment),
    dueOn: maybe(moment.map((value) => value.slice(0, 10))),
    payload: maybe(fc.dictionary(fc.string(), fc.integer())),
    extra: maybe(fc.dictionary(fc.stringMatching(/^[a-z]{3,8}$/), text, { minKeys: 1 })),
  })
  .map(({ name, ...rest }) => ({ ...rest, firstName: name?.[0] ?? null, lastName: name?.[1] ?? null }));

t.test('whatever is declared, a record comes back from either side, and through both, as it was', (t) => {
  const property = fc.property(records, (record) => {
    const legacy = mapping.toRow('legacy', record);
    const there = mapping.toRow('new', mapping.toRecord('legacy', legacy));
    const back = mapping.toRow('legacy', mapping.toRecord('new', there));
    return (
      sameValue(mapping.toRecord('legacy', legacy), record) &&
      sameValue(mapping.toRecord('new', mapping.toRow('new', record)), record) &&
      sameValue(back, legacy)
    );
  });
  fc.assert(property, { numRuns: 1_000 });
  t.pass('1,000 records');
  t.end();
});

t.test('a row of any of these records passes the round trip without a loss', (t) => {
  const property = fc.property(records, (record) =>
    roundTrip(mapping, mapping.toRow('legacy', record)).every(({ severity }) => severity === 'reformed'),
  );
  fc.assert(property, { numRuns: 500 });
  t.pass('500 rows');
  t.end();
});

t.test('each side has its own form of everything', (t) => {
  const [client, order] = ['5f00000000000000000000aa', '65a1b2c3d4e5f60718293a4b'];
  const row: Row = {
    _id: order,
    client_id: client,
    tag_ids: [client],
    stage: 'D',
    'address.street': 'Weg 1',
    'address.postal': '1010',
    full: 'Ada|Lovelace',
    amount: 12.5,
    active: 1,
    paid_at: 0,
    due_on: '2026-02-03T00:00:00.000Z',
    payload: '{"a":1}',
    kind: 'order',
    '*': { note: 'kept' },
  };
  const record = mapping.toRecord('legacy', row);
  t.same(record, {
    id: order,
    clientId: client,
    tagIds: [client],
    status: 'new',
    stage: 'done',
    street: 'Weg 1',
    zip: '1010',
    firstName: 'Ada',
    lastName: 'Lovelace',
    price: '12.5',
    active: true,
    paidAt: '1970-01-01T00:00:00.000Z',
    dueOn: '2026-02-03',
    payload: { a: 1 },
    extra: { note: 'kept' },
  });
  t.match(mapping.toRow('new', record), {
    new_id: translateId('objectid', 'uuid', order),
    new_clientId: translateId('objectid', 'uuid', client),
    new_tagIds: [translateId('objectid', 'uuid', client)],
    new_status: 'new',
    new_stage: 'done',
    new_price: 12.5,
    new_active: true,
    new_origin: 'gateway',
  });
  t.same(mapping.toRow('legacy', record), row, 'an untouched default is missing again');
  t.notOk(mapping.field('origin'), 'a constant of the new side is not public');
  t.end();
});

t.test('codes that are numbers stand in a column of numbers, others in one of text', (t) => {
  const typeOf = (codes: Record<string, string | number>) => {
    const of = new Mapping({ ...MODEL, fields: MODEL.fields.slice(0, 5) }, TABLE, {
      enums: { stage: codes },
    });
    return of.tables.legacy.columns.find(({ name }) => name === 'stage')?.type;
  };
  t.equal(typeOf({ open: 1, done: 2 }), 'bigint');
  t.equal(typeOf({ open: 1.5, done: 2 }), 'decimal');
  t.equal(typeOf({ open: 'O', done: 2 }), 'enum');
  t.end();
});

t.test('filters ask each side in its own form', (t) => {
  const client = '5f00000000000000000000aa';
  t.same(mapping.condition('legacy', { field: 'clientId', op: 'eq', value: client }), {
    field: 'client_id',
    op: 'eq',
    value: client,
  });
  t.same(mapping.condition('new', { field: 'clientId', op: 'eq', value: client }), {
    field: 'new_clientId',
    op: 'eq',
    value: translateId('objectid', 'uuid', client),
  });
  t.same(mapping.condition('legacy', { field: 'stage', op: 'in', value: ['open'] }), {
    field: 'stage',
    op: 'in',
    value: ['O'],
  });
  t.same(
    mapping.condition('legacy', { field: 'status', op: 'eq', value: 'new' }),
    {
      or: [
        { field: 'status', op: 'eq', value: 'new' },
        { field: 'status', op: 'null', value: true },
      ],
    },
    'a default also where it is missing',
  );
  t.same(
    mapping.condition('legacy', {
      field: 'clientId',
      op: 'eq',
      value: '0190a1b2-0000-7000-8000-000000000001',
    }),
    { or: [] },
    'no record of legacy can refer to an id that has no form there',
  );
  t.throws(
    () => mapping.condition('legacy', { field: 'lastName', op: 'eq', value: 'x' }),
    /cannot be filtered by "lastName" while legacy answers/,
  );
  t.throws(
    () => mapping.sort('legacy', [{ field: 'stage', descending: false }]),
    /cannot be sorted by "stage" while legacy answers/,
  );
  t.end();
});

t.test('what cannot return is named with its field', (t) => {
  const good = mapping.toRow('legacy', {
    ...Object.fromEntries(mapping.fields.map(({ name }) => [name, null])),
    id: '65a1b2c3d4e5f60718293a4b',
    tagIds: [],
    status: 'new',
  });
  const wrong: [Row, string, string][] = [
    [{ stage: 'X' }, 'stage', 'an unknown value'],
    [{ amount: 1.005 }, 'price', 'too many digits'],
    [{ amount: 12345678901 }, 'price', 'out of range'],
    [{ 'address.street': 'a\u0000b' }, 'street', 'the character U+0000'],
    [{ tag_ids: null }, 'tagIds', 'null where the new side takes none'],
    [{ active: 7 }, 'active', 'another type'],
    [{ payload: '{"a": 1, "a": 2}' }, 'payload', 'another form'],
  ];
  for (const [change, name, problem] of wrong) {
    const findings = roundTrip(mapping, { ...good, ...change });
    t.match(
      findings.filter((finding) => finding.field === name),
      [{ problem }],
      `${name}: ${problem}`,
    );
  }
  t.same(
    roundTrip(mapping, good).filter(({ severity }) => severity === 'lost'),
    [],
  );
  t.end();
});

t.test('what takes the members that no field names is an object', (t) => {
  for (const extra of [5, 'x', true, [{ a: 1 }]])
    t.match(acceptRecord(mapping, { extra }, 'change'), {
      ok: false,
      problems: [{ field: 'extra', message: /must be an object/ }],
    });
  for (const extra of [null, {}, { a: [1] }] as Value[])
    t.same(acceptRecord(mapping, { extra }, 'change'), { ok: true, record: { extra } });
  t.end();
});

t.test('a module that fails says which, on which fields and of which record', (t) => {
  const failing: CustomModule = {
    toNew: () => {
      throw new Error('no comma');
    },
    toLegacy: () => ({ full: Symbol('nothing') as unknown as Value }),
  };
  const broken = new Mapping(MODEL, { name: 'orders', key: '_id' }, SETTINGS, {
    ids: MONGO,
    modules: [failing],
  });
  const id = '65a1b2c3d4e5f60718293a4b';
  t.throws(() => broken.toRecord('legacy', { _id: id, full: 'x' }), {
    code: 'mapping-failed',
    message: `toNew of names.ts failed on full of record "${id}": no comma`,
  });
  t.throws(() => broken.toRow('legacy', { id, firstName: 'Ada' }), {
    code: 'mapping-failed',
    message: `toLegacy of names.ts failed on firstName, lastName of record "${id}": it answered a symbol for "full"`,
  });
  t.end();
});

t.test('a change of one of several fields in one column names the others that it needs', (t) => {
  t.same(mapping.heldTogether('legacy', { firstName: 'Ada' }), ['lastName']);
  t.same(mapping.heldTogether('legacy', { street: 'x' }), []);
  t.same(mapping.heldTogether('new', { firstName: 'Ada' }), []);
  t.end();
});

t.test('what a record refers to is found in a field, in a list and in its children', (t) => {
  const record = {
    clientId: 'a',
    tagIds: ['b', 'c'],
    lines: [{ productId: 'd' }, { productId: null }],
    none: null,
    parts: [
      { shelf: 1, slot: 'x' },
      { shelf: 2, slot: null },
    ],
  };
  t.same(referredIds(record, ['clientId']), [['a']]);
  t.same(referredIds(record, ['tagIds']), [['b'], ['c']]);
  t.same(referredIds(record, ['lines.productId']), [['d']]);
  t.same(referredIds(record, ['none']), []);
  t.same(referredIds(record, ['absent.field']), []);
  t.same(referredIds({ shelf: 1, slot: 'x' }, ['slot', 'shelf']), [['x', 1]], 'the parts of a composite id');
  t.same(referredIds({ shelf: 1, slot: null }, ['slot', 'shelf']), [], 'of which none may be missing');
  t.same(referredIds(record, ['parts.slot', 'parts.shelf']), [['x', 1]], 'those of each child together');
  t.end();
});

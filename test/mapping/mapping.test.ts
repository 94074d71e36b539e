import fc from 'fast-check';
import t from 'tap';
import type { FieldSpec, ModelSpec, ValueType } from '../../src/domain/model.ts';
import { exactNumber, parseJson, sameValue, stringifyJson, type Value } from '../../src/domain/values.ts';
import { acceptRecord } from '../../src/mapping/accept.ts';
import { Mapping } from '../../src/mapping/mapping.ts';
import { columnName } from '../../src/mapping/naming.ts';
import { unconnected } from '../harness/bound.ts';

const SIDES = ['legacy', 'new'] as const;

/** Canonical values of each type, awkward ones among them. */
const decimal = fc
  .tuple(fc.bigInt({ min: -(10n ** 30n), max: 10n ** 30n }), fc.integer({ min: 0, max: 20 }))
  .map(([digits, scale]) => exactNumber(`${digits}e-${scale}`));
const moment = fc
  .tuple(fc.date({ min: new Date(0), max: new Date('2100-01-01'), noInvalidDate: true }), fc.nat(999))
  .map(([date, micros]) =>
    micros === 0
      ? date.toISOString()
      : date.toISOString().replace('Z', `${String(micros).padStart(3, '0')}Z`),
  );
const text = fc.string({ unit: 'grapheme' }).filter((value) => !value.includes('\u0000'));
const json = fc
  .jsonValue({ stringUnit: 'grapheme' })
  .map((value) => parseJson(JSON.stringify(value)))
  .filter((value) => !JSON.stringify(value).includes('\\u0000'));
const VALUES: Readonly<Record<ValueType, fc.Arbitrary<Value>>> = {
  text,
  enum: fc.constantFrom('a', 'b'),
  uuid: fc.uuid(),
  objectid: fc.stringMatching(/^[0-9a-f]{24}$/),
  int: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
  bigint: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map((value) => exactNumber(String(value))),
  decimal,
  float: fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0),
  boolean: fc.boolean(),
  timestamp: moment,
  date: moment.map((value) => value.slice(0, 10)),
  time: moment.map((value) => value.slice(11, 19)),
  json,
  bytes: fc.uint8Array().map((bytes) => Buffer.from(bytes).toString('base64')),
};

const fieldName = fc
  .tuple(
    fc.constantFrom('a', 'company', 'vat', 'iban', 'x1'),
    fc.array(fc.constantFrom('Name', 'Id', 'At', 'URL', 'B', '2', 'Number')),
  )
  .map((parts) => parts.flat().join(''));
const fields: fc.Arbitrary<FieldSpec[]> = fc
  .uniqueArray(
    fc.record({
      name: fieldName.filter((name) => name !== 'id'),
      type: fc.constantFrom(...(Object.keys(VALUES) as ValueType[])),
      list: fc.boolean(),
    }),
    // Names whose columns are the same would be refused by the configuration's rules.
    { selector: ({ name }) => columnName(name, 'snake'), maxLength: 12 },
  )
  .map((found) =>
    [{ name: 'id', type: 'uuid' as const, list: false }, ...found].map((field) => ({
      ...field,
      list: field.list && field.type !== 'json',
      column: `new_${field.name}`,
      nullable: field.name !== 'id',
      hasDefault: false,
      touched: false,
      maxLength: null,
      precision: null,
      values: field.type === 'enum' ? ['a', 'b'] : null,
    })),
  );

const mapped = fields.chain((specs) => {
  const model: ModelSpec = {
    name: 'Thing',
    table: 'things',
    keys: [{ name: 'id', type: 'uuid' }],
    key: 'id',
    keyType: 'uuid',
    keyFromSequence: false,
    fields: specs,
    references: [],
  };
  const names = specs.map(({ name }) => name).filter((name) => name !== 'id');
  const settings = fc.record({
    case: fc.constantFrom('snake' as const, 'camel' as const, 'none' as const),
    rename: fc.subarray(names).map((some) => Object.fromEntries(some.map((name) => [name, `old ${name}`]))),
    types: fc
      .subarray(specs.filter(({ type }) => type === 'decimal' || type === 'bigint').map(({ name }) => name))
      .map((some) => Object.fromEntries(some.map((name) => [name, { as: 'string' as const }]))),
  });
  return fc.tuple(
    settings.map((chosen) => new Mapping(model, { name: 'old_things', key: 'old id' }, chosen)),
    fc.record(Object.fromEntries(specs.map((field) => [field.name, valueOf(field)]))),
  );
});

function valueOf({ type, list, nullable }: FieldSpec): fc.Arbitrary<Value> {
  const one = list ? fc.array(VALUES[type]) : VALUES[type];
  return nullable ? fc.option(one, { freq: 5 }) : one;
}

t.test('a record comes back from the row of either side as it was, and so from side to side', (t) => {
  const property = fc.property(mapped, ([mapping, canonical]) => {
    // The public form: numbers that are shown as text are text.
    const record = mapping.toRecord('new', mapping.toRow('new', canonical));
    for (const side of SIDES) {
      const row = mapping.toRow(side, record);
      const columns = mapping.tables[side].columns.map(({ name }) => name);
      if (Object.keys(row).some((name) => !columns.includes(name))) return false;
      if (!sameValue(mapping.toRecord(side, row), record)) return false;
      const other = side === 'new' ? 'legacy' : 'new';
      const across = mapping.toRecord(other, mapping.toRow(other, mapping.toRecord(side, row)));
      if (!sameValue(across, record)) return false;
    }
    return mapping.keyOf(record) === canonical.id;
  });
  fc.assert(property, { numRuns: 500 });
  t.pass('500 models with a record each');
  t.end();
});

t.test('rows hold numbers as numbers, whatever the public form', (t) => {
  const property = fc.property(mapped, ([mapping, canonical]) => {
    const record = mapping.toRecord('new', mapping.toRow('new', canonical));
    for (const { name, columns, type } of mapping.fields) {
      if (type !== 'decimal' && type !== 'bigint') continue;
      const value = mapping.toRow('new', record)[columns.new as string];
      if (!sameValue(value, canonical[name])) return false;
    }
    return true;
  });
  fc.assert(property, { numRuns: 300 });
  t.pass('300 records');
  t.end();
});

t.test('what is public JSON comes back through it without loss, and is accepted again as it is', (t) => {
  const property = fc.property(mapped, ([mapping, canonical]) => {
    const record = mapping.toRecord('new', mapping.toRow('new', canonical));
    const parsed = parseJson(stringifyJson(record));
    if (!sameValue(parsed, record)) return false;
    const accepted = acceptRecord(mapping, parsed, 'replace');
    if (!accepted.ok) throw new Error(JSON.stringify(accepted.problems));
    return sameValue(accepted.record, record);
  });
  fc.assert(property, { numRuns: 300 });
  t.pass('300 records');
  t.end();
});

t.test('a change maps only what it names', (t) => {
  const property = fc.property(mapped, fc.nat(), ([mapping, canonical], pick) => {
    const names = Object.keys(canonical);
    const name = names[pick % names.length] as string;
    const value = mapping.toRecord('new', mapping.toRow('new', canonical))[name] as Value;
    return SIDES.every((side) => {
      const row = mapping.toRow(side, { [name]: value });
      return Object.keys(row).join() === mapping.field(name)?.columns[side];
    });
  });
  fc.assert(property, { numRuns: 200 });
  t.pass('200 changes');
  t.end();
});

t.test('system E: public names in camelCase, columns as the old tables have them', async (t) => {
  const { mapping } = await unconnected('clients');
  const columns = (side: 'legacy' | 'new') =>
    ['id', 'phone', 'loyaltyPoints', 'lastEngagementAt'].map((name) => mapping.field(name)?.columns[side]);
  t.same(columns('legacy'), ['id', 'tel', 'loyalty_points', 'last_engagement_at']);
  t.same(columns('new'), ['id', 'phone', 'loyalty_points', 'last_engagement_at']);
  t.equal(mapping.tables.legacy.name, 'clients');
});

t.test('names in snake case', (t) => {
  const table: [string, string][] = [
    ['id', 'id'],
    ['companyName', 'company_name'],
    ['vatNumberUE', 'vat_number_ue'],
    ['URLOfSite', 'url_of_site'],
    ['address2', 'address2'],
    ['line2Text', 'line2_text'],
    ['already_so', 'already_so'],
  ];
  for (const [name, column] of table) t.equal(columnName(name, 'snake'), column);
  t.equal(columnName('companyName', 'camel'), 'companyName');
  t.equal(columnName('Any_Thing', 'none'), 'Any_Thing');
  t.end();
});

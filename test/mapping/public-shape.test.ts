import fc from 'fast-check';
import t from 'tap';
import type { VersionSettings } from '../../src/domain/configuration.ts';
import type { PublicRecord, Value } from '../../src/domain/values.ts';
import { PublicShape } from '../../src/mapping/public-shape.ts';
import { unconnected } from '../harness/bound.ts';

const { mapping } = await unconnected('clients');
const all = mapping.fields.map(({ name }) => name);

function version(settings: Partial<VersionSettings>): VersionSettings {
  return {
    name: 'v1',
    path: '/v1',
    fields: null,
    rename: {},
    defaults: {},
    constants: {},
    schemas: {},
    ...settings,
  };
}

/** Any choice of fields, any of them under other names, any constants. */
const anyVersion = fc
  .record({
    fields: fc.option(fc.subarray(all), { nil: null }),
    renamed: fc.subarray(all),
    constants: fc.dictionary(fc.constantFrom('unit', 'schemaVersion'), fc.constantFrom<Value>(1, 'x', null)),
  })
  .map(({ fields, renamed, constants }) => {
    const rename = Object.fromEntries(renamed.map((name, index) => [`old${index}${name}`, name]));
    return version({ fields, rename, constants });
  });
const anyRecord = fc.record(
  Object.fromEntries(all.map((name) => [name, fc.oneof(fc.string(), fc.integer(), fc.constant(null))])),
) as fc.Arbitrary<PublicRecord>;

t.test('what a version shows of a record comes back as it was, and nothing else', (t) => {
  fc.assert(
    fc.property(anyVersion, anyRecord, (settings, record) => {
      const shape = new PublicShape(mapping, settings);
      const shown = shape.toPublic(record);
      const back = Object.fromEntries(
        [...shape.fields].map(([outer, { name }]) => [name, shown[outer]] as const),
      );
      const visible = settings.fields === null ? all : [...new Set([...settings.fields, mapping.keyField])];
      t.strictSame(
        back,
        Object.fromEntries(all.filter((name) => visible.includes(name)).map((n) => [n, record[n]])),
      );
      for (const [name, value] of Object.entries(settings.constants)) t.strictSame(shown[name], value);
      t.equal(Object.keys(shown).length, visible.length + Object.keys(settings.constants).length);
    }),
    { numRuns: 100, verbose: 1 },
  );
  t.end();
});

t.test('what a version shows may be sent back as it is, and changes nothing that it hides', (t) => {
  const shape = new PublicShape(
    mapping,
    version({ fields: ['name', 'email', 'phone'], rename: { tel: 'phone' }, constants: { kind: 'client' } }),
  );
  const record = {
    id: '0197c7e0-0000-7000-8000-000000000001',
    name: 'Zoé',
    email: 'z@example.org',
    phone: null,
    notes: 'hidden',
    revenue: 12.5,
  };
  const accepted = shape.accept(shape.toPublic(record), 'replace');
  t.ok(accepted.ok);
  if (accepted.ok)
    t.strictSame(accepted.record, { id: record.id, name: 'Zoé', email: 'z@example.org', phone: null });
  const without = shape.accept({ name: 'Zoé', email: 'z@example.org' }, 'replace');
  if (without.ok)
    t.equal(without.record.phone, null, 'a field that it shows and the message lacks is set to null');
  t.ok(without.ok);
  t.end();
});

t.test('a create through a version gets its defaults, unless the message says otherwise', (t) => {
  const shape = new PublicShape(
    mapping,
    version({ rename: { state: 'status' }, defaults: { status: 'prospect', notes: 'by v1' } }),
  );
  const read = (body: Value) => {
    const accepted = shape.accept(body, 'create');
    return accepted.ok ? accepted.record : accepted.problems;
  };
  t.match(read({ name: 'a', email: 'b@c.d' }), { status: 'prospect', notes: 'by v1' });
  t.match(read({ name: 'a', email: 'b@c.d', state: 'active' }), { status: 'active' });
  t.end();
});

t.test('problems name fields as the message does', (t) => {
  const shape = new PublicShape(
    mapping,
    version({ fields: ['name', 'email'], rename: { label: 'name' }, constants: { unit: 'eur' } }),
  );
  const accepted = shape.accept({ label: 7, name: 'x', revenue: 1, unit: 'usd' }, 'create');
  t.notOk(accepted.ok);
  const named = accepted.ok ? [] : accepted.problems.map(({ field, message }) => `${field} ${message}`);
  t.match(named.sort(), [
    /^email is required/,
    /^label must be text/,
    /^name is not a field; the fields are id, label, email/,
    /^revenue is not a field/,
    /^unit is always the same here/,
  ]);
  t.end();
});

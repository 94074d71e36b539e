import t from 'tap';
import { parseJson, type Value } from '../../src/domain/values.ts';
import { acceptKey, acceptRecord, type BodyRole } from '../../src/mapping/accept.ts';
import { unconnected } from '../harness/bound.ts';

const { mapping } = await unconnected('clients');
const leads = (await unconnected('leads')).mapping;
const services = (await unconnected('services')).mapping;
const client = { name: 'Zoé', email: 'z@example.org' };

function problems(body: Value, role: BodyRole = 'create', of = mapping): string[] {
  const accepted = acceptRecord(of, body, role);
  return accepted.ok ? [] : accepted.problems.map(({ field, message }) => `${field} ${message}`);
}

function record(body: Value, role: BodyRole = 'create') {
  const accepted = acceptRecord(mapping, body, role);
  if (!accepted.ok) throw new Error(JSON.stringify(accepted.problems));
  return accepted.record;
}

t.test('a create needs what the database needs, and leaves the rest to it', (t) => {
  t.same(record(client), client);
  t.match(problems({}), [/^name is required/, /^email is required .*255/]);
  t.same(problems({ code: 'x', name: 'y', price: 1 }, 'create', services), []);
  t.match(problems({ code: 'x', name: 'y' }, 'create', services), [/^price is required/]);
  t.end();
});

t.test('a replacement sets what it does not name to null, a change only what it names', (t) => {
  t.match(record(client, 'replace'), { ...client, phone: null, revenue: null, notes: null });
  t.notOk('createdAt' in record(client, 'replace'), 'what the database fills in stays as it is');
  t.same(record({ notes: null }, 'change'), { notes: null });
  t.same(record({}, 'change'), {});
  t.end();
});

t.test('every mistake of a body is named, all at once, with what would be right', (t) => {
  const wrong: [string, Value, RegExp][] = [
    ['companyName', 'x', /is not a field; the fields are/],
    ['loyalty_points', 1, /did you mean "loyaltyPoints"/],
    ['name', null, /must not be null/],
    ['name', 7, /must be text/],
    ['name', 'a\u0000b', /U\+0000/],
    ['siret', '123456789012345', /at most 14 characters/],
    ['status', 'x'.repeat(21), /at most 20 characters/],
    ['revenue', '12345678901234', /at most 13 digits before the point/],
    ['revenue', 'abc', /decimal/],
    ['loyaltyPoints', 1.5, /integer of 32 bits/],
    ['loyaltyPoints', 2147483648, /integer of 32 bits/],
    ['newsletter', 'true', /true or false/],
    ['firstContactOn', '2026-02-30', /a date/],
    ['lastEngagementAt', '2026-13-01T00:00:00Z', /a timestamp/],
    ['tags', 'a', /must be an array/],
    ['tags', ['a', null], /item 1: must not be null/],
    ['metadata', { a: ['\u0000'] }, /JSON without/],
    ['id', 'x', /must be a UUID/],
  ];
  for (const [field, value, said] of wrong) {
    t.match(problems({ [field]: value }, 'change'), [said], `${field}: ${JSON.stringify(value)}`);
  }
  t.equal(problems({ name: 7, tags: 'a', unknown: 1 }).length, 4, 'and the missing one');
  t.match(problems({ name: 'x', stage: 'new' }, 'create', leads), []);
  t.match(problems({ name: 'x', stage: 'old' }, 'create', leads), [/new, contacted, qualified, won, lost/]);
  t.end();
});

t.test('a body that is no object is refused as such', (t) => {
  for (const body of [null, [], 'x', 1, true, parseJson('12345678901234567890')]) {
    t.match(problems(body), [/one JSON object/]);
  }
  t.end();
});

t.test('values become canonical: numbers by value, timestamps in UTC, UUIDs in lower case', (t) => {
  t.same(record({ revenue: '1.10' }, 'change'), { revenue: 1.1 });
  t.same(record({ lastEngagementAt: '2026-01-02T04:04:05.1+01:00' }, 'change'), {
    lastEngagementAt: '2026-01-02T03:04:05.100Z',
  });
  t.same(record({ lastEngagementAt: '2026-01-02T03:04:05.123456Z' }, 'change'), {
    lastEngagementAt: '2026-01-02T03:04:05.123456Z',
  });
  t.same(record({ siret: '12345678901234' }, 'change'), { siret: '12345678901234' }, 'digits of a text stay');
  t.same(record({ name: '😀'.repeat(3), status: '😀'.repeat(20) }, 'change').status, '😀'.repeat(20));
  t.end();
});

t.test('Postgres has no year 0', (t) => {
  for (const value of ['0000-06-01T00:00:00Z', '0000-12-31'])
    t.match(problems({ lastEngagementAt: value }, 'change'), [/a timestamp/], value);
  t.match(problems({ firstContactOn: '0000-12-31' }, 'change'), [/a date/]);
  t.same(record({ firstContactOn: '0001-01-01' }, 'change'), { firstContactOn: '0001-01-01' });
  t.end();
});

t.test('a key of a path is taken in its canonical form, or not at all', (t) => {
  const id = '0B5F2C4E-8A7D-4E3B-9C1F-2D6A7B8C9D0E';
  t.equal(acceptKey(mapping, id), id.toLowerCase());
  for (const text of ['', '1', `${id}0`, id.replaceAll('-', ''), `{${id}}`, "1' OR '1'='1"]) {
    t.equal(acceptKey(mapping, text), null, text);
  }
  t.end();
});

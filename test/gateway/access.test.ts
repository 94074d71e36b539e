import t from 'tap';
import { callerOf, claimAt, NOBODY, type Caller, type Permission } from '../../src/domain/callers.ts';
import type { AccessSettings } from '../../src/domain/configuration.ts';
import { isBanyanError } from '../../src/domain/errors.ts';
import {
  conditionOf,
  decideAccess,
  decideRun,
  isWithin,
  ownRecord,
  tenantOf,
} from '../../src/gateway/access.ts';
import { acceptRecord } from '../../src/mapping/accept.ts';
import { unconnected } from '../harness/bound.ts';

const known = (roles: string[], claims: Record<string, unknown> = {}): Caller => ({
  subject: 'ada',
  roles,
  claims,
  known: true,
});
const ROLES = {
  read: ['viewer', 'admin'],
  create: ['editor', 'admin'],
  update: ['editor', 'admin'],
  delete: ['admin'],
};

t.test('who may do what: roles by permission, and nobody without a token', (t) => {
  const table: [string, Caller, AccessSettings['anonymous'], Record<'read' | 'create' | 'delete', string>][] =
    [
      ['nobody', NOBODY, [], { read: 'token-missing', create: 'token-missing', delete: 'token-missing' }],
      [
        'nobody, where reading is free',
        NOBODY,
        ['read'],
        { read: '', create: 'token-missing', delete: 'token-missing' },
      ],
      ['no role', known([]), [], { read: 'not-permitted', create: 'not-permitted', delete: 'not-permitted' }],
      [
        'no role, where reading is free',
        known([]),
        ['read'],
        { read: '', create: 'not-permitted', delete: 'not-permitted' },
      ],
      ['viewer', known(['viewer']), [], { read: '', create: 'not-permitted', delete: 'not-permitted' }],
      ['editor', known(['editor']), [], { read: 'not-permitted', create: '', delete: 'not-permitted' }],
      ['both', known(['editor', 'viewer']), [], { read: '', create: '', delete: 'not-permitted' }],
      ['admin', known(['admin']), [], { read: '', create: '', delete: '' }],
      [
        'a name in another case',
        known(['Admin']),
        [],
        { read: 'not-permitted', create: 'not-permitted', delete: 'not-permitted' },
      ],
    ];
  for (const [name, caller, anonymous, wanted] of table) {
    for (const [permission, code] of Object.entries(wanted)) {
      const refused = decideAccess(permission as Permission, caller, { roles: ROLES, anonymous });
      t.equal(refused?.code ?? '', code, `${name}: ${permission}`);
      if (permission !== 'create') continue;
      const toUpdate = decideAccess('update', caller, { roles: ROLES, anonymous });
      t.equal(toUpdate?.code ?? '', code, `${name}: update`);
    }
  }
  t.equal(
    decideAccess('create', known([]), { roles: {}, anonymous: [] }),
    null,
    'without roles a token is enough',
  );
  t.same(decideAccess('delete', known([]), { roles: ROLES, anonymous: [] })?.details, { roles: ['admin'] });
  t.equal(decideRun(known(['editor']), { roles: ['editor'], anonymous: false }), null);
  t.equal(decideRun(known(['viewer']), { roles: ['editor'], anonymous: false })?.code, 'not-permitted');
  t.equal(decideRun(NOBODY, { roles: ['editor'], anonymous: true }), null);
  t.end();
});

t.test('claims are found whole before they are taken for a path', (t) => {
  const claims = { 'https://acme.com/org': 'a', realm_access: { roles: ['x'] }, deep: { er: { one: 1 } } };
  t.equal(claimAt(claims, 'https://acme.com/org'), 'a');
  t.same(claimAt(claims, 'realm_access.roles'), ['x']);
  t.equal(claimAt(claims, 'deep.er.one'), 1);
  for (const path of ['missing', 'deep.missing.one', 'deep.er.one.more', 'constructor', 'deep.__proto__'])
    t.equal(claimAt(claims, path), undefined, path);
  const paths = { subject: 'sub', roles: ['realm_access.roles', 'scope', 'missing'] };
  t.match(callerOf({ ...claims, sub: '', scope: 'y  z x' }, paths), {
    subject: null,
    roles: ['x', 'y', 'z'],
  });
  t.same(callerOf({ sub: 'a', realm_access: { roles: [1, 'x', null] } }, paths).roles, ['x']);
  t.end();
});

const companies = await unconnected('companies');
const limited = {
  ...companies,
  settings: {
    ...companies.settings,
    access: {
      ...companies.settings.access,
      tenant: { field: 'employees', claim: 'org' },
      stamp: { vatNumber: 'sub' },
    },
  },
};

t.test("the tenant is the claim's value as the field holds it, or the caller has none", (t) => {
  const tenantBy = (org: unknown) => tenantOf(known([], { org }), limited);
  t.same(tenantBy(7), { field: 'employees', value: 7 });
  t.same(tenantBy('7'), { field: 'employees', value: 7 }, 'a number as text');
  for (const wrong of [undefined, null, '', 'seven', 7.5, 2 ** 60, true, [7], { id: 7 }, 3_000_000_000])
    t.throws(() => tenantBy(wrong), { code: 'claim-missing' }, JSON.stringify(wrong));
  t.throws(() => tenantOf(NOBODY, limited), { code: 'claim-missing' });
  t.equal(tenantOf(NOBODY, companies), null, 'a resource without tenants asks for none');
  t.same(conditionOf(tenantBy(7)), { field: 'employees', op: 'eq', value: 7 });
  t.equal(conditionOf(null), null);
  t.equal(isWithin(tenantBy(7), { employees: 7 }), true);
  t.equal(isWithin(tenantBy(7), { employees: 8 }), false);
  t.equal(isWithin(tenantBy(7), { employees: null }), false);
  t.equal(isWithin(tenantBy(7), {}), false);
  t.end();
});

t.test('a record as it may be written', (t) => {
  const ada = known([], { org: 7, sub: 'ada' });
  const table: [string, Parameters<typeof ownRecord>[2], Record<string, string | number>, unknown][] = [
    ['a create is stamped', 'create', { name: 'x' }, { name: 'x', employees: 7, vatNumber: 'ada' }],
    [
      'a create that says so',
      'create',
      { employees: 7, vatNumber: 'ada' },
      { employees: 7, vatNumber: 'ada' },
    ],
    ["a create for another's tenant", 'create', { employees: 8 }, 'other-tenant'],
    ["a create in another's name", 'create', { vatNumber: 'bob' }, 'validation-failed'],
    ['a change', 'change', { name: 'x' }, { name: 'x' }],
    ['a change of the stamps', 'change', { name: 'x', employees: 7, vatNumber: 'bob' }, { name: 'x' }],
    ['a move to another tenant', 'change', { employees: 8 }, 'other-tenant'],
    ['a replacement', 'replace', { name: 'x', employees: 7, vatNumber: 'ada' }, { name: 'x' }],
    ['a replacement that moves', 'replace', { name: 'x', employees: 8 }, 'other-tenant'],
  ];
  for (const [name, verb, record, wanted] of table) {
    try {
      t.same(ownRecord(ada, limited, verb, record), wanted, name);
    } catch (error) {
      t.equal(isBanyanError(error) && error.code, wanted, name);
    }
  }
  const record = { name: 'x' };
  ownRecord(ada, limited, 'create', record);
  t.same(record, { name: 'x' }, 'the given record is left alone');
  t.same(ownRecord(NOBODY, companies, 'create', record), record);
  t.end();
});

t.test('a field that is set from the token is asked of nobody, and a replacement leaves it as it is', (t) => {
  const { mapping } = companies;
  const asked = (role: 'create' | 'replace') => acceptRecord(mapping, {}, role);
  t.match(asked('create'), { ok: false, problems: [{ field: 'name' }] });
  const fields = mapping.fields.map((field) => ({
    ...field,
    owned: ['name', 'vatNumber'].includes(field.name),
  }));
  const owned = Object.create(mapping, { fields: { value: fields } }) as typeof mapping;
  t.same(acceptRecord(owned, {}, 'create'), { ok: true, record: {} });
  const replaced = acceptRecord(owned, { sector: 'x' }, 'replace');
  t.match(replaced, { ok: true, record: { sector: 'x', email: null } });
  t.notOk('record' in replaced && 'vatNumber' in replaced.record, 'it is not made null');
  t.end();
});

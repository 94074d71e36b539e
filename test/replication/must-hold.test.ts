import t from 'tap';
import { refuseUnsayableTenant } from '../../src/app/tenant-conditions.ts';
import type { ApiSettings, StoreSettings } from '../../src/domain/configuration.ts';
import { cautionsOf } from '../../src/replication/cautions.ts';
import { RecordSide } from '../../src/replication/resource.ts';
import type { Store } from '../../src/stores/contract.ts';
import { newKey, openPlace } from '../protocol/place.ts';

const place = await openPlace(t);
const { mapping, new: side } = place.companies;

/** The same store as one that takes no condition with a write. */
const { store: whole } = side;
const looking: Store = {
  name: whole.name,
  kind: whole.kind,
  capabilities: { ...whole.capabilities, conditionalWrites: false },
  database: whole.database,
  table: (spec) => whole.table(spec),
  ping: async () => await whole.ping(),
  close: async () => await Promise.resolve(),
};

for (const [how, store] of [
  ['in the same operation', side.store],
  ['by a look before', looking],
] as const) {
  t.test(`a record that does not hold what it must is not there for a write: ${how}`, async (t) => {
    await place.reset('new');
    const records = new RecordSide('new', mapping, store, side.timing);
    const [mine, theirs] = [newKey(), newKey()];
    await records.insert({ id: mine, name: 'mine', sector: 'acme' });
    await records.insert({ id: theirs, name: 'theirs', sector: 'globex' });
    const must = { field: 'sector', value: 'acme' };
    t.equal(await records.update(theirs, { name: 'x' }, must), null);
    t.equal(await records.update(newKey(), { name: 'x' }, must), null);
    t.equal(await records.remove(theirs, must), false);
    t.equal(await place.new.name(theirs), 'theirs');
    t.match(await records.update(mine, { name: 'changed' }, must), { name: 'changed' });
    t.match(await records.update(mine, {}, must), { name: 'changed' }, 'a change of nothing');
    t.equal(await records.update(theirs, {}, must), null);
    t.equal(await records.remove(mine, must), true);
    t.equal(await place.new.name(mine), null);
    t.match(
      await records.update(theirs, { name: 'anybody' }),
      { name: 'anybody' },
      'who has no limit has none',
    );
  });
}

const { companies } = place;
const tenant = { field: 'sector', claim: 'org' };
const settings = { ...companies.settings, access: { ...companies.settings.access, tenant } };

t.test('a look before is told where a route has tenants', (t) => {
  const legacy = new RecordSide('legacy', mapping, looking, side.timing);
  t.match(cautionsOf({ ...companies, settings, legacy }), [
    /^legacy store "new" \(prisma\) takes no condition with a write: .* record of companies is the tenant's/,
  ]);
  t.same(cautionsOf({ ...companies, legacy }), [], 'without tenants there is nothing to look at');
  t.same(cautionsOf({ ...companies, settings }), []);
  t.end();
});

t.test('filters that are to keep writes to a tenant must know its column', (t) => {
  const http = (api: Partial<ApiSettings>) =>
    ({
      kind: 'http',
      api: { default: { conditions: 'filters', filters: {}, ...api }, tables: {} },
    }) as unknown as StoreSettings;
  const refuse = (api: Partial<ApiSettings>) => () => refuseUnsayableTenant(settings, http(api), mapping);
  t.throws(refuse({}), { code: 'config-invalid', message: /without a filter of "sector" for equality/ });
  t.throws(refuse({ filters: { sector: { in: 'sectors' } } }), { code: 'config-invalid' });
  t.doesNotThrow(refuse({ filters: { sector: { eq: 'sector' } } }));
  t.doesNotThrow(refuse({ conditions: 'etag' }));
  t.end();
});

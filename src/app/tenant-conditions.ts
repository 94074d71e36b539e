import type { ResourceSettings, StoreSettings } from '../domain/configuration.ts';
import { BanyanError } from '../domain/errors.ts';
import type { Mapping } from '../mapping/mapping.ts';

/** Refuses a tenant that an API cannot be asked for, although its writes are to be kept to the tenant's by its filters. */
export function refuseUnsayableTenant(
  { name, access: { tenant }, legacy }: ResourceSettings,
  store: StoreSettings | undefined,
  mapping: Mapping,
): void {
  if (!tenant || store?.kind !== 'http') return;
  const { conditions, filters } = store.api.tables[legacy.table] ?? store.api.default;
  const column = mapping.field(tenant.field)?.columns.legacy;
  if (conditions !== 'filters' || (column && filters[column]?.eq !== undefined)) return;
  throw new BanyanError(
    'config-invalid',
    `${name}: its tenant is in "${tenant.field}", and store "${legacy.store}" has "conditions: filters" without a filter of ` +
      `"${column ?? tenant.field}" for equality; declare it in "filters" of the API, or leave "conditions" out`,
  );
}

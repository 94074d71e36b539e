import { claimAt, type Caller, type Permission } from '../domain/callers.ts';
import type { AccessSettings, OperationSettings } from '../domain/configuration.ts';
import { BanyanError } from '../domain/errors.ts';
import type { Condition } from '../domain/query.ts';
import { sameValue, type PublicRecord, type Value } from '../domain/values.ts';
import { acceptValue } from '../mapping/accept.ts';
import type { BoundResource, FieldValue } from '../replication/resource.ts';
import type { Verb } from './plan.ts';

/** Permissions in one place: what a request needs to be allowed, by what it does. */
export const PERMISSION_OF: Readonly<Record<Verb, Permission>> = {
  list: 'read',
  detail: 'read',
  create: 'create',
  replace: 'update',
  change: 'update',
  remove: 'delete',
};

type Limited = Pick<BoundResource, 'name' | 'settings' | 'mapping'>;

/** Whether a caller may do this with a resource: null, or why not. Pure; test/gateway/access.test.ts is its table. */
export function decideAccess(
  permission: Permission,
  caller: Caller,
  access: Pick<AccessSettings, 'roles' | 'anonymous'>,
): BanyanError | null {
  const roles = access.roles[permission] ?? null;
  return decideRun(caller, { roles, anonymous: access.anonymous.includes(permission) });
}

/** Whether a caller may run an operation: null, or why not. */
export function decideRun(
  caller: Caller,
  { roles, anonymous }: Pick<OperationSettings, 'roles' | 'anonymous'>,
): BanyanError | null {
  if (anonymous) return null;
  if (!caller.known) return new BanyanError('token-missing');
  if (roles === null || roles.some((role) => caller.roles.includes(role))) return null;
  return new BanyanError('not-permitted', `this takes one of the roles ${roles.join(', ')}`, {
    details: { roles: [...roles] },
  });
}

/** The tenant whose records a caller sees and writes. */
export type Tenant = FieldValue;

/** The caller's tenant at a resource; null where it has none. Fails with claim-missing. */
export function tenantOf(caller: Caller, resource: Limited): Tenant | null {
  const { tenant } = resource.settings.access;
  return tenant && { field: tenant.field, value: claimValue(caller, resource, tenant) };
}

/** What every record holds that the caller sees; null: they all do. */
export function conditionOf(tenant: Tenant | null): Condition | null {
  return tenant && { field: tenant.field, op: 'eq', value: tenant.value };
}

export function isWithin(tenant: Tenant | null, record: PublicRecord): boolean {
  return tenant === null || sameValue(record[tenant.field], tenant.value);
}

/**
 * A record as it may be written. A create gets its tenant and its stamps; a later write leaves both as they are. Another
 * tenant's value is refused in either: a record never moves between tenants.
 */
export function ownRecord(caller: Caller, resource: Limited, verb: Verb, record: PublicRecord): PublicRecord {
  const tenant = tenantOf(caller, resource);
  if (tenant && record[tenant.field] !== undefined && !isWithin(tenant, record)) {
    throw new BanyanError('other-tenant', `${tenant.field} is not the "${tenant.field}" of the token`, {
      details: { field: tenant.field },
    });
  }
  if (verb === 'create')
    return {
      ...record,
      ...stampsOf(caller, resource, record),
      ...(tenant && { [tenant.field]: tenant.value }),
    };
  const own = { ...record };
  for (const field of ownedFields(resource.settings.access)) delete own[field];
  return own;
}

/** Fields that the gateway sets from the caller's token. */
export function ownedFields({ tenant, stamp }: AccessSettings): string[] {
  return [...(tenant ? [tenant.field] : []), ...Object.keys(stamp)];
}

function stampsOf(caller: Caller, resource: Limited, record: PublicRecord): PublicRecord {
  // Without a token nobody can be named: the record has the field's default.
  if (!caller.known) return {};
  const stamps: PublicRecord = {};
  for (const [field, claim] of Object.entries(resource.settings.access.stamp)) {
    stamps[field] = claimValue(caller, resource, { field, claim });
    if (record[field] === undefined || sameValue(record[field], stamps[field])) continue;
    const message = 'is set from the token; leave it out';
    throw new BanyanError('validation-failed', `${field} ${message}`, { details: [{ field, message }] });
  }
  return stamps;
}

/** The claim's value as the field holds it. */
function claimValue(
  caller: Caller,
  { name, mapping }: Limited,
  { field, claim }: { field: string; claim: string },
): Value {
  const given = claimAt(caller.claims, claim);
  const mapped = mapping.field(field);
  // JSON numbers that a double does not hold exactly could be somebody else's.
  const usable = (typeof given === 'string' && given !== '') || Number.isSafeInteger(given);
  const accepted = usable && mapped ? acceptValue(mapped, given as Value) : { problem: 'is not there' };
  if ('value' in accepted) return accepted.value;
  const reason = given === undefined ? 'lacks the claim' : 'has no usable value in the claim';
  throw new BanyanError('claim-missing', `the token ${reason} "${claim}" that ${name}.${field} takes`, {
    details: { claim },
  });
}

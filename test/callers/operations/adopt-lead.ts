import { BanyanError } from '../../../src/domain/errors.ts';
import type { OperationContext, OperationHandler } from '../../../src/gateway/operations.ts';

interface Shapes {
  companies: { id: string; name: string; employees: number | null; sector: string };
  leads: { id: string; name: string; companyId: string | null; source: string };
}

/**
 * `POST /api/companies/:id/adopt { lead, then?, wait? }`: gives a lead to a company and counts it there. `wait`: a URL
 * that is asked between the two, `before` or `between` the writes; `fail`: it fails after both.
 */
async function adopt(context: OperationContext<Shapes>) {
  const { body, parameters, of, caller, idempotencyKey, side } = context;
  const { lead, wait, fail } = body as { lead: string; wait?: { when: string; url: string }; fail?: boolean };
  const pause = async (when: string) => void (wait?.when === when && (await fetch(wait.url)));
  const company = await of('companies').get(parameters.id ?? '');
  if (!company) throw new BanyanError('not-found', 'no such company');
  await pause('before');
  const changed = await of('leads').change(lead, { companyId: company.id });
  await pause('between');
  const { employees } = await of('companies').change(company.id, { employees: (company.employees ?? 0) + 1 });
  if (fail) throw new BanyanError('constraint-violated', 'it was to fail');
  const { total } = await of('leads').list({ companyId: company.id, total: 'true' });
  const ofLegacy = await context.on('legacy', 'leads').list({ limit: '500' });
  return {
    lead: changed.id,
    employees,
    leads: total,
    seenInLegacy: ofLegacy.records.map(({ source }) => source).sort(),
    by: caller.subject,
    key: idempotencyKey,
    side,
    transaction: context.sql !== null,
  };
}

export const legacy = adopt as unknown as OperationHandler;
const onNew = adopt as unknown as OperationHandler;
export { onNew as new };

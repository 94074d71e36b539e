import { BanyanError } from '../../../src/domain/errors.ts';
import type { OperationHandler } from '../../../src/gateway/operations.ts';

/** The compliance engine as a local module: the first home of an operation that later is a service. */
export const legacy: OperationHandler = async ({ body, caller, parameters }) => {
  const { amount } = (body ?? {}) as { amount?: number };
  if (typeof amount !== 'number') throw new BanyanError('validation-failed', 'amount must be a number');
  const { rule } = parameters as { rule: string };
  return await Promise.resolve({
    rule,
    risk: amount > 1_000 ? 'high' : 'low',
    for: caller.subject,
    at: 'module',
  });
};

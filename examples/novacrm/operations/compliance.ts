import { BanyanError } from '../../../src/domain/errors.ts';
import type { Value } from '../../../src/domain/values.ts';
import type { OperationHandler } from '../../../src/gateway/operations.ts';
import { localEngine, readRequest } from '../compliance/engine.ts';

/** The adapter of the engine that runs in this process. */
export const legacy: OperationHandler = async ({ body }) => {
  const asked = readRequest(body);
  if (typeof asked === 'string') throw new BanyanError('validation-failed', asked);
  const report = await localEngine.check(asked);
  return { ...report, engine: 'module', checkedAt: new Date().toISOString() } as unknown as Value;
};

import type { Caller } from '../domain/callers.ts';
import { BanyanError, isBanyanError } from '../domain/errors.ts';
import { tenantOf } from './access.ts';
import type { BatchResult } from './batch-writes.ts';
import type { ResourceRuntime } from './runtime.ts';

/** A batch of a caller with a tenant: that a value is taken is said in the same words whoever has it, and in which store. */
export async function inPlainWords(
  { resource }: ResourceRuntime,
  caller: Caller,
  run: () => Promise<BatchResult>,
): Promise<BatchResult> {
  if (tenantOf(caller, resource) === null) return await run();
  const plain = (error: BanyanError) => (error.code === 'duplicate' ? taken(resource.name, error) : error);
  try {
    const done = await run();
    const outcomes = done.outcomes.map((one) => ('error' in one ? { error: plain(one.error) } : one));
    return { ...done, outcomes };
  } catch (error) {
    throw isBanyanError(error) ? plain(error) : error;
  }
}

function taken(resource: string, error: BanyanError): BanyanError {
  const field = (error.details as { field?: string } | undefined)?.field;
  return new BanyanError('duplicate', `${resource} already has a record with this value`, {
    ...(field === undefined ? {} : { details: { field } }),
    cause: error,
  });
}

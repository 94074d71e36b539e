import { isBanyanError } from '../domain/errors.ts';
import { stringifyJson } from '../domain/values.ts';
import { recordFailure, type Failure, type Fate } from '../state/failures.ts';
import type { RefusedKey } from './pull.ts';
import type { BoundResource } from './resource.ts';

/** Notes that a side refuses a record, with the reason; nothing is dropped silently. Says what becomes of it. */
export async function noteRefused(
  { database, name, settings }: BoundResource,
  { key, error, record, marks, target }: RefusedKey,
  source: Failure['source'],
): Promise<Fate> {
  const refusal = {
    resource: name,
    key,
    code: isBanyanError(error) ? error.code : 'internal',
    reason: reasonOf(error),
    target,
    source,
    record: record ? stringifyJson(record) : null,
    marks,
  };
  return await recordFailure(database, refusal, settings.deadLetters);
}

/** The new side's tables are written in transactions of the control database, which is the same Postgres. */
export function reasonOf({ message }: Error): string {
  return message.replace(/^control database /, 'the new side ');
}

import type { Caller } from '../domain/callers.ts';
import type { Key } from '../domain/words.ts';
import { writeRecordAudit, type AuditAction } from '../state/audit.ts';
import type { Verb } from './plan.ts';
import type { ResourceRuntime } from './runtime.ts';

type WriteVerb = Exclude<Verb, 'list' | 'detail'>;

const ACTIONS: Readonly<Record<WriteVerb, AuditAction>> = {
  create: 'record-created',
  replace: 'record-changed',
  change: 'record-changed',
  remove: 'record-removed',
};

/**
 * Notes who wrote which record of a resource with `audit`. The write is done by then: where the note fails, it stands in
 * the log of the process instead, so that it is lost in neither.
 */
export async function auditWrite(
  { resource, log }: ResourceRuntime,
  caller: Caller,
  verb: WriteVerb,
  keys: readonly Key[],
): Promise<void> {
  if (!resource.settings.access.audit || keys.length === 0) return;
  const actor = caller.subject ?? (caller.known ? 'a token without a subject' : 'nobody');
  const entry = { actor, action: ACTIONS[verb], resource: resource.name, keys };
  await writeRecordAudit(resource.database, entry).catch((error: unknown) =>
    log.error({ ...entry, error: (error as Error).message }, 'writes are not in the audit log'),
  );
}

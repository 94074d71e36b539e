import { writeAudit } from '../../state/audit.ts';
import { discardDeadLetters } from '../../state/failures.ts';
import type { Result } from '../command.ts';
import type { Letters } from './letters.ts';
import { EXIT } from '../exit-codes.ts';
import { usage } from '../failure.ts';
import { counted } from '../format.ts';
import { agreed } from '../question.ts';
import { keyOfArgument } from './key.ts';

/** Forgets dead letters for a reason, e.g. that they were exported: verify goes on telling that the sides differ. */
export async function discardLetters({
  session,
  invocation,
  resources,
  key,
  options,
}: Letters): Promise<Result> {
  const reason = typeof options.reason === 'string' ? options.reason.trim() : '';
  if (reason === '')
    throw usage('discard needs --reason', 'Write --reason "why nobody needs them any more".');
  const what = `${key ?? 'all dead letters'} of ${resources.join(', ')}`;
  if (!(await agreed(invocation.terminal, `Discard ${what}?`)))
    return { exit: EXIT.done, document: { discarded: 0 }, text: ['Nothing was done.'] };
  let discarded = 0;
  for (const name of resources) {
    const keys = key === null ? null : [keyOfArgument(session.resource(name), key)];
    const gone = await discardDeadLetters(session.database, name, keys);
    discarded += gone.length;
    if (gone.length === 0) continue;
    const details = { reason, letters: gone.length, keys: gone.slice(0, 100) };
    await writeAudit(session.database, {
      actor: invocation.actor,
      action: 'dead-letters-discarded',
      resource: name,
      details,
    });
  }
  return {
    exit: EXIT.done,
    document: { discarded },
    text: [`${counted(discarded, 'dead letter')} discarded.`],
  };
}

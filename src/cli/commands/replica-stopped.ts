import { writeAudit } from '../../state/audit.ts';
import { listReplicas, takeOff } from '../../state/replicas.ts';
import { markUncertain, readStates } from '../../state/resources.ts';
import type { CommandModule } from '../command.ts';
import { EXIT } from '../exit-codes.ts';
import { CliError, usage } from '../failure.ts';
import { ago } from '../format.ts';
import { Session } from '../session.ts';

/** R16: the operator's word that a replica has stopped. Its marks run to their deadline; switches wait for it no more. */
export const run: CommandModule['run'] = async (invocation, [name = ''], options) => {
  const why = typeof options.reason === 'string' ? options.reason.trim() : '';
  if (why === '')
    throw usage(
      'replica-stopped needs a --reason',
      'Say how you know that it has stopped; it stands in the audit log.',
    );
  return await Session.with(invocation, async (session) => {
    const replicas = await listReplicas(session.database);
    const replica = replicas.find((candidate) => candidate.name === name);
    if (!replica) {
      const names = replicas.map((candidate) => candidate.name).join(', ') || 'none';
      throw new CliError(
        EXIT.usage,
        'unknown-replica',
        `no replica "${name}" is registered`,
        `Registered: ${names}.`,
      );
    }
    if (replica.fresh) {
      const seen = `${name} was seen ${ago(replica.seenAt)}: it has not stopped, or only just`;
      throw new CliError(
        EXIT.refused,
        'replica-alive',
        seen,
        'Stop it, and say so again when it has been silent for ten seconds.',
      );
    }
    const taken = await takeOff(session.database, replica, session.landing);
    if (taken) {
      // It rests on somebody's word: before the next `live` a verify has to agree.
      for (const { resource } of await readStates(session.database))
        await markUncertain(session.database, resource);
      await writeAudit(session.database, {
        actor: invocation.actor,
        action: 'replica-taken-off',
        resource: null,
        details: { replica: name, why },
      });
    }
    const text = taken
      ? `${name} is taken off; no switch waits for it any more.`
      : `${name} has registered anew or signed off meanwhile.`;
    return {
      exit: taken ? EXIT.done : EXIT.failed,
      document: { replica: name, takenOff: taken, reason: why },
      text: [text],
    };
  });
};

import { BanyanError } from '../../domain/errors.ts';
import type { CommandModule } from '../command.ts';
import { EXIT } from '../exit-codes.ts';
import { usage } from '../failure.ts';
import { agreed } from '../question.ts';
import { Session } from '../session.ts';

export const run: CommandModule['run'] = async (invocation, [name = ''], options) => {
  const { terminal, actor } = invocation;
  if (!options.yes && !terminal.interactive) {
    throw usage(
      `retire ends the way back of ${name} for good`,
      `If that is meant: banyan retire ${name} --yes`,
    );
  }
  return await Session.with(invocation, async (session) => {
    const { retired } = await session.state(name);
    if (retired)
      return {
        exit: EXIT.done,
        document: { resource: name, retired },
        text: [`${name} was retired before.`],
      };
    const question = `End marking for ${name}? After that there is no way back to legacy.`;
    if (!options.yes && !(await agreed(terminal, question))) {
      return { exit: EXIT.done, document: { resource: name, retired }, text: ['Nothing was done.'] };
    }
    const done = await session.switching.retire(name, actor);
    if (!done)
      throw new BanyanError(
        'write-conflict',
        `somebody else changed ${name} at this very moment; look and try again`,
      );
    return {
      exit: EXIT.done,
      document: { resource: name, retired: true },
      text: [`${terminal.good} ${name} is retired: the new side is all there is.`],
    };
  });
};

import type { CommandModule, Result } from '../command.ts';
import { usage } from '../failure.ts';
import { Session } from '../session.ts';
import type { Letters } from '../dead-letters/letters.ts';
import { discardLetters } from '../dead-letters/discard.ts';
import { exportLetters } from '../dead-letters/export.ts';
import { listLetters, showLetter } from '../dead-letters/list.ts';
import { retryLetters } from '../dead-letters/retry.ts';

const ACTIONS: Readonly<Record<string, (letters: Letters) => Promise<Result>>> = {
  list: listLetters,
  show: showLetter,
  retry: retryLetters,
  discard: discardLetters,
  export: exportLetters,
};

export const run: CommandModule['run'] = async (invocation, [action = '', name, key], options) => {
  const perform = ACTIONS[action];
  if (!perform) {
    throw usage(
      `there is no action "${action}" of dead letters`,
      `Actions are ${Object.keys(ACTIONS).join(', ')}.`,
    );
  }
  return await Session.with(invocation, async (session) => {
    const resources =
      name === undefined ? [...session.binding.resources.keys()] : [session.resource(name).name];
    return await perform({ session, invocation, resources, key: key ?? null, options });
  });
};

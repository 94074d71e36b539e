import { BanyanError } from '../../domain/errors.ts';
import { modeBefore } from '../../domain/modes.ts';
import type { Mode, ResourceState } from '../../domain/words.ts';
import type { CommandModule } from '../command.ts';
import { move } from '../move.ts';

export const run: CommandModule['run'] = async (invocation, [resource = ''], options) =>
  await move(invocation, resource, back, options);

/** One step down the road; of a switch under way, to where it came from. `cameFrom`: the mode before this one. */
function back({ resource, mode, stage, previousMode }: ResourceState, cameFrom: Mode | null) {
  if (stage !== 'open' && previousMode) return previousMode;
  const before = modeBefore(mode, cameFrom);
  if (before) return before;
  throw new BanyanError(
    'switch-refused',
    `${resource} is in mode ${mode}, where the road begins: there is no way further back`,
  );
}

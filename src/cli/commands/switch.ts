import { isMode, MODE_NAMES, ROAD } from '../../domain/modes.ts';
import type { Mode } from '../../domain/words.ts';
import { nearest } from '../../config/suggest.ts';
import type { CommandModule } from '../command.ts';
import { usage } from '../failure.ts';
import { move } from '../move.ts';

export const run: CommandModule['run'] = async (invocation, [resource = '', mode = ''], options) => {
  const to = modeOf(mode);
  return await move(invocation, resource, () => to, options);
};

export function modeOf(text: string): Mode {
  if (isMode(text)) return text;
  const near = nearest(text, MODE_NAMES);
  throw usage(
    `there is no mode "${text}"${near ? `; did you mean ${near}?` : ''}`,
    `The road is ${ROAD.join(', ')}; beside it there are split and merged.`,
  );
}

import { MODES } from '../../domain/modes.ts';
import type { Mode } from '../../domain/words.ts';
import type { Guard } from './guard.ts';

/** Whether new has every record of such a parent, or gets it when a child needs it. */
function bringsToNew(mode: Mode): boolean {
  const { marks, partial, backfill } = MODES[mode];
  return marks && (!partial || backfill === 'move');
}

/** The new side enforces foreign keys: what these records refer to must be there, or be kept there by its own sync. */
export const parentsMoved: Guard = {
  name: 'parents-moved',
  title: 'the resources that this one refers to are on the road already',
  steps: ['legacy>dual-write', 'shadow>live', 'legacy>split', 'legacy>merged', 'split>merged'],
  async check({ parents, resource, stateOf }) {
    const behind = parents
      .filter((parent) => parent.name !== resource.name)
      .map(({ name }) => ({ name, mode: stateOf(name)?.mode ?? 'legacy' }))
      .filter(({ mode }) => !bringsToNew(mode));
    if (behind.length === 0) return null;
    return {
      reason: behind
        .map(({ name, mode }) => `${name} is still in mode ${mode}, in which the new side lacks its records`)
        .join('; '),
      clears: behind.map(({ name }) => `banyan switch ${name} dual-write`).join('; '),
      eta: null,
    };
  },
};

import { MODES } from '../../domain/modes.ts';
import type { Guard } from './guard.ts';

/** The new side enforces foreign keys: what these records refer to must be there, or be kept there by its own sync. */
export const parentsMoved: Guard = {
  name: 'parents-moved',
  title: 'the resources that this one refers to are on the road already',
  steps: ['legacy>dual-write', 'shadow>live'],
  async check({ parents, resource, stateOf }) {
    const behind = parents
      .filter((parent) => parent.name !== resource.name)
      .filter((parent) => !MODES[stateOf(parent.name)?.mode ?? 'legacy'].marks)
      .map((parent) => parent.name);
    if (behind.length === 0) return null;
    return {
      reason: `${behind.join(', ')} ${behind.length === 1 ? 'is' : 'are'} still in mode legacy, so the new side lacks those records`,
      clears: behind.map((name) => `banyan switch ${name} dual-write`).join('; '),
      eta: null,
    };
  },
};

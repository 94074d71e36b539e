import type { Guard } from './guard.ts';

/** D3: a side whose sequence cannot be set past the highest key would draw keys that are taken. */
export const sequencesReady: Guard = {
  name: 'sequences-ready',
  title: 'sequences can be moved on, in both directions',
  steps: ['shadow>live', 'live>shadow', 'split>legacy', 'merged>legacy'],
  async check({ resource }) {
    if (!resource.mapping.keyFromSequence) return null;
    const fixed = [resource.legacy, resource.new].filter((side) => !side.store.capabilities.sequences);
    if (fixed.length === 0) return null;
    const names = fixed.map((side) => `${side.side} store "${side.store.name}"`).join(' and ');
    return {
      reason: `the sequence of "${resource.mapping.keys.map(({ name }) => name).join(', ')}" cannot be set through ${names}`,
      clears: `set it by hand past the highest key at every switch, and say so: --force sequences-ready --reason "…"`,
      eta: null,
    };
  },
};

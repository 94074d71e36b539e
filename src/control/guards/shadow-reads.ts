import { readComparisons } from '../../state/comparisons.ts';
import type { Guard } from './guard.ts';

export const shadowReads: Guard = {
  name: 'shadow-reads',
  title: 'enough reads were compared, and few enough differed',
  steps: ['shadow>live'],
  async check({ database, resource, state }) {
    const { shadowReads: needed, mismatches } = resource.settings.guards;
    const of = { resource: resource.name, generation: state.generation, mode: state.mode };
    const { compared, differed } = await readComparisons(database, of);
    if (compared < needed) {
      return {
        reason: `${compared} of ${needed} reads were compared`,
        clears: 'more reads by clients, or a lower guards.shadowReads',
        eta: null,
      };
    }
    const rate = compared > 0 ? differed / compared : 0;
    if (rate <= mismatches) return null;
    return {
      reason: `${differed} of ${compared} compared reads differed (${(rate * 100).toFixed(2)} %, allowed ${mismatches * 100} %)`,
      clears: `banyan repair ${resource.name}; reads are counted anew after it`,
      eta: null,
    };
  },
};

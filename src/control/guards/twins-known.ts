import { countPassed } from '../../state/moved.ts';
import { enteredSince } from '../../state/switches.ts';
import type { Guard } from './guard.ts';

/** M4: in `merged` a record of legacy is hidden by what is known of its move; a copy that was synced is no move. */
export const twinsKnown: Guard = {
  name: 'twins-known',
  title: 'the resource came to new by way of merged',
  steps: ['new>merged'],
  async check({ database, resource, state }) {
    const clears = `the way back of this resource is live: banyan switch ${resource.name} live`;
    if (await enteredSince(database, resource.name, { mode: 'live', since: 'merged' }))
      return {
        reason: 'it was live since: records came to legacy there that merged knows nothing of',
        clears,
        eta: null,
      };
    const known = await countPassed(database, { resource: resource.name, generation: state.generation });
    const there = await resource.legacy.count();
    if (known >= there) return null;
    return {
      reason: `legacy holds ${there} records, and ${known} of them were moved in merged: deleted ones would come back`,
      clears,
      eta: null,
    };
  },
};

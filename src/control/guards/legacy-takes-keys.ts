import { drawsKeys } from '../../replication/resource.ts';
import type { Guard } from './guard.ts';

/** D1: what is made on the new side follows to legacy under its own key, which a store that draws all keys cannot take. */
export const legacyTakesKeys: Guard = {
  name: 'legacy-takes-keys',
  title: 'legacy can hold records under the keys that the new side gives them',
  steps: ['shadow>live', 'split>legacy', 'merged>legacy'],
  check({ resource }) {
    if (!drawsKeys(resource.legacy)) return Promise.resolve(null);
    return Promise.resolve({
      reason: `legacy store "${resource.legacy.store.name}" draws all keys itself: records made on the new side cannot follow to it`,
      clears:
        'give up the way back of new records, and say so: --force legacy-takes-keys --reason "…"; each one will be a dead letter',
      eta: null,
    });
  },
};

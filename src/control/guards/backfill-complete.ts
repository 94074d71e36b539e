import { readBackfill } from '../../state/jobs.ts';
import { remaining } from '../remaining.ts';
import type { Guard } from './guard.ts';

/** R20: complete since the last entry into `dual-write`. */
export const backfillComplete: Guard = {
  name: 'backfill-complete',
  title: 'everything was copied since the last entry into dual-write',
  steps: ['dual-write>shadow', 'shadow>live', 'merged>new'],
  async check({ database, resource, state }) {
    const command = `banyan backfill ${resource.name}`;
    const progress = await readBackfill(database, resource.name, state.generation);
    if (!progress)
      return {
        reason: 'no backfill was begun since the last entry into dual-write',
        clears: command,
        eta: null,
      };
    if (progress.status !== 'done') {
      const stopped = progress.holder
        ? ''
        : `, and nobody works on it now${progress.note ? ` (${progress.note})` : ''}`;
      return {
        reason: `backfill has visited ${progress.visited} of ${progress.total} records${stopped}`,
        clears: progress.holder ? 'it clears by itself' : command,
        eta: remaining(progress),
      };
    }
    return null;
  },
};

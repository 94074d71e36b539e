import { countSetAside, readBackfill } from '../../state/jobs.ts';
import { remaining } from '../remaining.ts';
import type { Guard } from './guard.ts';

/** R20: complete since the last entry into `dual-write`. */
export const backfillComplete: Guard = {
  name: 'backfill-complete',
  title: 'everything was copied since the last entry into dual-write',
  steps: ['dual-write>shadow', 'shadow>live'],
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
    const aside = await countSetAside(database, resource.name);
    if (aside === 0) return null;
    return {
      reason: `${aside} records were refused by the new side and set aside`,
      clears: `correct them in legacy ("banyan status ${resource.name} --json" lists them), then ${command} --again`,
      eta: null,
    };
  },
};

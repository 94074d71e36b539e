import { backlog } from '../../state/journal.ts';
import type { Guard } from './guard.ts';

/** A drain would wait for these marks in vain, and hold every write meanwhile. */
export const nothingRefused: Guard = {
  name: 'nothing-refused',
  title: 'the other side takes every record',
  steps: ['shadow>live', 'live>new', 'live>shadow'],
  async check({ database, resource }) {
    const { failing } = await backlog(database, resource.name);
    if (failing === 0) return null;
    return {
      reason: `${failing} records are refused by the other side`,
      clears: `correct them ("banyan status ${resource.name} --json" has the reasons); they are tried again by themselves`,
      eta: null,
    };
  },
};

import { syncsNow } from '../../domain/modes.ts';
import { backlog } from '../../state/journal.ts';
import type { Guard } from './guard.ts';

export const marksAge: Guard = {
  name: 'marks-age',
  title: 'the secondary is not too far behind',
  // Back from `live` too: a drain would hold every write until a long backlog is worked off.
  steps: ['shadow>live', 'live>new', 'live>shadow', 'split>legacy', 'merged>legacy'],
  async check({ database, resource, state }) {
    // M7: resting marks are worked off by the step itself, before its drain.
    if (!syncsNow(state)) return null;
    const { marks, oldest } = await backlog(database, resource.name);
    const allowed = resource.settings.guards.lag;
    if (oldest === null || oldest <= allowed) return null;
    return {
      reason: `${marks} marks are left, the oldest for ${Math.round(oldest)} ms (allowed ${allowed} ms)`,
      clears: 'it clears by itself once both stores keep up',
      eta: oldest,
    };
  },
};

import { MODES } from '../../domain/modes.ts';
import { countFailures } from '../../state/failures.ts';
import type { Guard } from './guard.ts';

/**
 * A record that the other side refuses is not there, or not as it should be. While it backs off it has a mark, and a drain
 * would wait for that in vain and hold every write meanwhile.
 */
export const deadLetters: Guard = {
  name: 'dead-letters',
  title: 'the other side takes every record',
  steps: [
    'dual-write>shadow',
    'shadow>live',
    'live>new',
    'live>shadow',
    'split>legacy',
    'merged>legacy',
    'merged>new',
  ],
  async check({ database, resource, step }) {
    // What new has refused stays legacy's on a way back from where both sides hold records.
    const target = MODES[step.from].partial && step.direction === 'down' ? 'legacy' : null;
    const { backingOff, dead, byCode } = await countFailures(database, resource.name, target);
    if (backingOff + dead === 0) return null;
    const codes = Object.entries(byCode).map(([code, n]) => `${n} ${code}`);
    const reasons = [
      ...(dead > 0 ? [`${dead} dead letters (${codes.join(', ')})`] : []),
      ...(backingOff > 0 ? [`${backingOff} refused records that are tried again`] : []),
    ];
    return {
      reason: reasons.join(' and '),
      clears: `correct them ("banyan dead-letters list ${resource.name}" has the reasons), then banyan dead-letters retry ${resource.name}`,
      eta: null,
    };
  },
};

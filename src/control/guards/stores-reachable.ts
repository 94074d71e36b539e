import type { Guard } from './guard.ts';

/** Every step that makes the other side matter needs both sides to answer now. */
export const storesReachable: Guard = {
  name: 'stores-reachable',
  title: 'both stores answer',
  steps: [
    'legacy>dual-write',
    'dual-write>shadow',
    'shadow>live',
    'live>shadow',
    'new>live',
    'legacy>split',
    'legacy>merged',
    'split>merged',
    'merged>new',
    'new>merged',
    'split>legacy',
    'merged>legacy',
  ],
  async check({ resource }) {
    const silent: string[] = [];
    for (const side of [resource.legacy, resource.new]) {
      await side.store.ping().catch((error: unknown) => {
        silent.push(`${side.side} store "${side.store.name}": ${(error as Error).message}`);
      });
    }
    if (silent.length === 0) return null;
    return {
      reason: silent.join('; '),
      clears: 'bring the store back; "banyan check" asks it again',
      eta: null,
    };
  },
};

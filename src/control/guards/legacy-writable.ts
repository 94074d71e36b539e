import type { Guard } from './guard.ts';

/**
 * A view cannot follow what new decides, and cannot decide again: new may be filled from it and compared with it, but the
 * step on which new becomes the primary, and every one that makes the view decide again, would be a promise nobody keeps.
 */
export const legacyWritable: Guard = {
  name: 'legacy-writable',
  title: 'legacy takes writes',
  steps: ['shadow>live', 'live>shadow', 'merged>legacy', 'split>legacy'],
  async check({ resource }) {
    const { table, store } = resource.legacy;
    if (!store.capabilities.describesTables || (await table.describe())?.readOnly !== true) return null;
    return {
      reason: `"${table.spec.name}" in store "${store.name}" is a view: what new decides could not be written back to it`,
      clears:
        'name the tables behind the view as resources and move those; or say that there is no way back: --force legacy-writable --reason "…"',
      eta: null,
    };
  },
};

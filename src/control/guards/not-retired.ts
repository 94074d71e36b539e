import type { Guard } from './guard.ts';

/** R21: after `retire` nothing was marked any more. */
export const notRetired: Guard = {
  name: 'not-retired',
  title: 'writes to the new side are still marked',
  steps: ['new>live', 'new>merged'],
  async check({ state }) {
    if (!state.retired) return null;
    return {
      reason: 'the resource was retired: its legacy side has not been kept since',
      clears: 'nothing: there is no way back after "banyan retire"',
      eta: null,
    };
  },
};

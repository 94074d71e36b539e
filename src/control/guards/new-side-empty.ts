import { backlog } from '../../state/journal.ts';
import { wasLed } from '../../state/switches.ts';
import { MODES } from '../../domain/modes.ts';
import type { Guard } from './guard.ts';

/**
 * M6: where both sides are read, new wins. What it holds of an earlier stay is removed by the step itself; what it holds
 * before Banyan ever led the resource, somebody has to have an opinion on.
 */
export const newSideEmpty: Guard = {
  name: 'new-side-empty',
  title: 'nothing old in the new side would win over legacy',
  steps: ['legacy>split', 'legacy>merged'],
  async check({ database, resource, children, stateOf }) {
    const { marks } = await backlog(database, resource.name);
    if (marks > 0)
      return {
        reason: `${marks} marks of an earlier mode are left`,
        clears: 'it clears by itself',
        eta: null,
      };
    if ((await resource.new.scanKeys(null, 1)).length === 0) return null;
    if (!(await wasLed(database, resource.name))) {
      const rows = await resource.new.count();
      return {
        reason: `the new table holds ${rows} records already; clients would see them, and they would win over legacy's`,
        clears: `delete them, or, if they belong to the product: --force new-side-empty --reason "…"`,
        eta: null,
      };
    }
    const led = children.filter(
      (child) => child.name !== resource.name && MODES[stateOf(child.name)?.mode ?? 'legacy'].marks,
    );
    if (led.length === 0) return null;
    const names = led.map(({ name }) => name);
    return {
      reason: `the new side holds old copies, to which records of ${names.join(', ')} refer`,
      clears: names.map((name) => `banyan switch ${name} legacy`).join('; '),
      eta: null,
    };
  },
};

import { SHOW_COLLATION } from '../../postgres/collations.ts';
import { sortProblems, type SortProblem } from '../../replication/sort-check.ts';
import type { BoundResource } from '../../replication/resource.ts';
import type { Guard } from './guard.ts';

/** A page of both sides is a merge of two sorted ones: a field that they order differently has no list. */
export const sortsAgree: Guard = {
  name: 'sorts-agree',
  title: 'both sides can sort by every field that lists may be sorted by',
  steps: ['legacy>merged', 'split>merged', 'new>merged'],
  async check({ resource }) {
    const problems = await sortProblems(resource);
    if (problems.length === 0) return null;
    return {
      reason: problems.map(({ field, reason }) => `"${field}": ${reason}`).join('; '),
      clears: clears(resource, problems),
      eta: null,
    };
  },
};

function clears({ name, legacy: { store } }: BoundResource, problems: readonly SortProblem[]): string {
  const without = `take the fields out of "sort" of ${name}`;
  if (!('textOrder' in store.capabilities)) return without;
  const fitting = [...new Set(problems.flatMap((problem) => problem.fitting))].filter((collation) =>
    problems.every((problem) => problem.fitting.length === 0 || problem.fitting.includes(collation)),
  );
  const seen = fitting.length > 0 ? ` (as far as was looked, it sorts as ${fitting.join(' or ')})` : '';
  return `name the order of store "${store.name}" as its "collation"${seen}; its database shows it by: ${SHOW_COLLATION}; or ${without}`;
}

import { checkMapping } from '../mapping-check.ts';
import type { Guard } from './guard.ts';

export const mappingMatches: Guard = {
  name: 'mapping-matches',
  title: 'the mapping fits the real tables of both sides',
  steps: ['legacy>dual-write', 'shadow>live', 'legacy>split', 'legacy>merged', 'split>merged'],
  async check({ resource }) {
    const problems = await checkMapping(resource);
    if (problems.length === 0) return null;
    return {
      reason: problems.join('; '),
      clears:
        'correct fields in routes.config.yaml or the tables, or run "banyan migrate"; "banyan check" shows the rest',
      eta: null,
    };
  },
};

import { MODES } from '../../domain/modes.ts';
import type { HttpStoreInFile, Partly, ResourceInFile } from '../file-shape.ts';
import { type Finding, shown } from '../problem.ts';
import { fieldsHeldApart } from './fields.ts';
import { type Draft, resourcesOf } from './rule.ts';

/** What a file says already: statistics that legacy cannot make, although it is asked for them. */
export function* statisticsCanBeMade(draft: Draft): Iterable<Finding> {
  for (const [name, resource] of resourcesOf(draft)) {
    const { query, mode, fields, legacy } = resource;
    const wanted = query?.statistics ?? [];
    if (wanted.length === 0 || query?.statisticsFromRows) continue;
    if (mode !== undefined && MODES[mode].reads === 'new') continue;
    if (legacy?.store !== undefined && makesNone(draft, legacy)) {
      yield {
        path: ['resources', name, 'query', 'statistics'],
        at: 'key',
        found: `"statistics" with the legacy store "${legacy.store}", whose API is declared to make none`,
        expected: '"statistics" in the api of that store, or "statisticsFromRows: true" beside it',
      };
    }
    const apart = fieldsHeldApart(fields ?? {});
    for (const [index, field] of wanted.entries()) {
      if (field === undefined || !apart.includes(field)) continue;
      yield {
        path: ['resources', name, 'query', 'statistics', index],
        at: 'value',
        found: `${shown(field)}, which legacy holds in another form`,
        expected: 'a field that legacy has a column for, or "statisticsFromRows: true" beside it',
      };
    }
  }
}

function makesNone({ config }: Draft, { store: name, table }: Partly<ResourceInFile['legacy']>): boolean {
  const store = config.stores?.[name ?? ''];
  if (store?.kind !== 'http') return false;
  const { api, tables } = store as Partly<HttpStoreInFile>;
  return !(tables?.[table ?? '']?.statistics ?? api?.statistics);
}

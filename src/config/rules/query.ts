import { DEFAULTS } from '../defaults.ts';
import type { Partly, ResourceInFile } from '../file-shape.ts';
import { type Finding, type Path, shown } from '../problem.ts';
import { type Draft, repeated, resourcesOf, unknownName } from './rule.ts';

export function* pageSizeIsWithinMaximum(draft: Draft): Iterable<Finding> {
  for (const [name, { query }] of resourcesOf(draft)) {
    const size = query?.pageSize ?? DEFAULTS.resource.query.pageSize;
    const most = query?.maxPageSize ?? DEFAULTS.resource.query.maxPageSize;
    if (size <= most) continue;
    const setting = query?.pageSize === undefined ? 'maxPageSize' : 'pageSize';
    yield {
      path: ['resources', name, 'query', setting],
      at: 'value',
      found: `pageSize ${size} with maxPageSize ${most}`,
      expected: 'a pageSize of at most maxPageSize',
    };
  }
}

export function* defaultSortIsSortable(draft: Draft): Iterable<Finding> {
  for (const [name, { query }] of resourcesOf(draft)) {
    if (query?.defaultSort === undefined || query.sort?.includes(undefined)) continue;
    const fields = (query.sort ?? []).map((field) => sortField(field ?? ''));
    if (fields.includes(sortField(query.defaultSort))) continue;
    yield unknownName(
      ['resources', name, 'query', 'defaultSort'],
      query.defaultSort,
      fields,
      'a field of "sort"',
    );
  }
}

/** Lists in which a name twice is a slip. */
const LISTS: readonly [
  Path,
  (resource: Partly<ResourceInFile>) => readonly (string | undefined)[] | undefined,
][] = [
  [['query', 'filters'], ({ query }) => query?.filters],
  [['query', 'statistics'], ({ query }) => query?.statistics],
  [['query', 'sort'], ({ query }) => query?.sort],
  [['shadow', 'ignore'], ({ shadow }) => shadow?.ignore],
];

export function* listsNameOnce(draft: Draft): Iterable<Finding> {
  for (const [name, resource] of resourcesOf(draft)) {
    for (const [where, read] of LISTS) {
      const entries = (read(resource) ?? []).flatMap((field, index) =>
        field === undefined ? [] : [{ value: sortField(field), path: ['resources', name, ...where, index] }],
      );
      yield* repeated(entries, (value) => ({
        found: `${shown(value)} a second time`,
        expected: 'each field once',
      }));
    }
  }
}

/** The field of `-createdAt`. */
export function sortField(entry: string): string {
  return entry.replace(/^-/, '');
}

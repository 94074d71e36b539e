import { type Finding, shown } from '../problem.ts';
import { type Draft, repeated, resourcesOf } from './rule.ts';

const RESERVED = '/_banyan';

function* resourcePaths(draft: Draft) {
  for (const [name, { path, versions }] of resourcesOf(draft)) {
    if (path) yield { value: path, path: ['resources', name, 'path'] };
    for (const [version, { path: other } = {}] of Object.entries(versions ?? {}))
      if (other) yield { value: other, path: ['resources', name, 'versions', version, 'path'] };
  }
}

function* operations({ config }: Draft) {
  for (const [name, operation] of Object.entries(config.operations ?? {}))
    if (operation) yield { name, ...operation };
}

export function* pathsAreUnique(draft: Draft): Iterable<Finding> {
  yield* repeated(resourcePaths(draft), (value, first) => ({
    found: `${shown(value)}, the path of ${first[1]} too`,
    expected: 'a path of its own',
  }));
}

/** `/a/x` as a list would take the place of the record `x` of `/a`. */
export function* pathsDoNotShadow(draft: Draft): Iterable<Finding> {
  const all = [...resourcePaths(draft)];
  for (const { value, path } of all) {
    const parent = value.slice(0, value.lastIndexOf('/'));
    const hidden = all.find((other) => other.value === parent);
    if (!hidden) continue;
    yield {
      path,
      at: 'value',
      found: `${shown(value)}, where ${hidden.path[1]} has its record ${shown(value.slice(parent.length + 1))}`,
      expected: `a path that is not directly below ${parent}`,
    };
  }
}

export function* pathsAreNotReserved(draft: Draft): Iterable<Finding> {
  const named = [...operations(draft)].map(({ name, path }) => ({
    value: path,
    path: ['operations', name, 'path'],
  }));
  for (const { value, path } of [...resourcePaths(draft), ...named]) {
    if (value !== RESERVED && !value?.startsWith(`${RESERVED}/`)) continue;
    yield {
      path,
      at: 'value',
      found: shown(value),
      expected: `a path that is not below ${RESERVED}, which is the gateway's own`,
    };
  }
}

/** Routes of a resource, and of an operation, with any parameter as `:`. */
const OF_LIST = ['GET', 'POST'];
const OF_RECORD = ['GET', 'PUT', 'PATCH', 'DELETE'];

export function* operationsAreUnique(draft: Draft): Iterable<Finding> {
  const taken = new Map<string, string>();
  for (const { value, path } of resourcePaths(draft)) {
    for (const method of OF_LIST) taken.set(`${method} ${value}`, `resource ${path[1]}`);
    for (const method of OF_RECORD) taken.set(`${method} ${value}/:`, `resource ${path[1]}`);
  }
  for (const { name, method, path } of operations(draft)) {
    if (!path || !method) continue;
    const route = `${method} ${path.replace(/:[^/]+/g, ':')}`;
    const owner = taken.get(route);
    if (owner) {
      const found = `${method} ${path}, which is a route of ${owner} too`;
      yield {
        path: ['operations', name, 'path'],
        at: 'value',
        found,
        expected: 'a path or method of its own',
      };
    }
    taken.set(route, `operation ${name}`);
  }
}

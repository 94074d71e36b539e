import { type Finding, shown } from '../problem.ts';
import { type Draft, repeated, unknownName } from './rule.ts';

export function* operationResourcesAreKnown({ config }: Draft): Iterable<Finding> {
  const known = Object.keys(config.resources ?? {});
  for (const [name, operation] of Object.entries(config.operations ?? {})) {
    const entries = (operation?.resources ?? []).flatMap((value, index) =>
      value === undefined ? [] : [{ value, path: ['operations', name, 'resources', index] }],
    );
    for (const { value, path } of entries) {
      if (!known.includes(value)) yield unknownName(path, value, known, 'the name of a resource');
    }
    yield* repeated(entries, (value) => ({
      found: `${shown(value)} a second time`,
      expected: 'each resource once',
    }));
  }
}

export function* operationModulesExist(draft: Draft): Iterable<Finding> {
  for (const [name, operation] of Object.entries(draft.config.operations ?? {})) {
    const module = operation?.module;
    if (module === undefined || draft.isFile(draft.absolute(module))) continue;
    const found = `${shown(module)}, where there is no file`;
    yield {
      path: ['operations', name, 'module'],
      at: 'value',
      found,
      expected: 'a TypeScript or JavaScript module',
    };
  }
}

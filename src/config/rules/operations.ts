import type { Side } from '../../domain/words.ts';
import type { OperationInFile, Partly } from '../file-shape.ts';
import { type Finding, type Path, shown } from '../problem.ts';
import { type Draft, repeated, unknownName } from './rule.ts';

const SIDES: readonly Side[] = ['legacy', 'new'];

/** What a side has that asks a service, and no other. */
const OF_SERVICES = ['retry', 'breaker'] as const;

type Operation = Partly<OperationInFile>;

export function* operationsOf({ config }: Draft): Iterable<[name: string, operation: Operation]> {
  for (const [name, operation] of Object.entries(config.operations ?? {}))
    if (operation) yield [name, operation];
}

export function* operationResourcesAreKnown(draft: Draft): Iterable<Finding> {
  const known = Object.keys(draft.config.resources ?? {});
  for (const [name, operation] of operationsOf(draft)) {
    const entries = (operation.resources ?? []).flatMap((value, index) =>
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
  for (const [name, operation] of operationsOf(draft)) {
    const modules: [Path, string | undefined][] = [
      [['operations', name, 'module'], operation.module],
      ...SIDES.map((side): [Path, string | undefined] => [
        ['operations', name, side, 'module'],
        operation[side]?.module,
      ]),
    ];
    for (const [path, module] of modules) {
      if (module === undefined || draft.isFile(draft.absolute(draft.written(path, module)))) continue;
      const found = `${shown(draft.written(path, module))}, where there is no file`;
      yield { path, at: 'value', found, expected: 'a TypeScript or JavaScript module' };
    }
  }
}

/** What runs is said once for each side: a module for both, or a module or service of its own. */
export function* operationSidesAreClear(draft: Draft): Iterable<Finding> {
  for (const [name, operation] of operationsOf(draft)) {
    const path = ['operations', name];
    const own = SIDES.filter((side) => has(operation, side));
    if (!has(operation, 'module') && own.length === 0) {
      const expected = '"module", or "legacy" and "new" with a module or an upstream each';
      yield { path, at: 'key', found: 'an operation that runs nothing', expected };
    }
    for (const side of own) {
      const given = operation[side];
      if (!given) continue;
      for (const setting of OF_SERVICES) {
        if (!has(given, setting) || has(given, 'upstream')) continue;
        const found = `"${setting}" without "upstream"`;
        const expected = 'it beside the upstream of a service only: a module runs in this process';
        yield { path: [...path, side, setting], at: 'key', found, expected };
      }
      const both = has(given, 'module') && has(given, 'upstream');
      const neither = !both && !has(given, 'module') && !has(given, 'upstream');
      if (!both && !neither) continue;
      const found = both ? 'module and upstream' : 'neither module nor upstream';
      yield { path: [...path, side], at: 'key', found, expected: 'one of module and upstream' };
    }
  }
}

/** Where it runs comes from its resources or from its mode, and from one of them only. */
export function* operationModesAreClear(draft: Draft): Iterable<Finding> {
  for (const [name, operation] of operationsOf(draft)) {
    const path = ['operations', name];
    const [resources, mode] = [has(operation, 'resources'), has(operation, 'mode')];
    if (resources && mode) {
      const expected = 'one of the two: with resources it runs where they are';
      yield { path: [...path, 'mode'], at: 'key', found: 'mode beside resources', expected };
    } else if (!resources && !mode) {
      const expected = '"resources" that it reads or writes, or a "mode" of its own';
      yield { path, at: 'key', found: 'neither resources nor mode', expected };
    } else if (operation.mode) yield* modeFits(path, operation);
    yield* upstreamFits(path, operation);
  }
}

function* modeFits(path: string[], operation: Operation): Iterable<Finding> {
  const { mode } = operation;
  const needed: readonly Side[] = mode === 'shadow' ? SIDES : [mode as Side];
  const missing = needed.find((side) => !has(operation, 'module') && !has(operation, side));
  const at = [...path, 'mode'];
  if (missing)
    yield {
      path: at,
      at: 'value',
      found: `${shown(mode)} without "${missing}"`,
      expected: `a module or an upstream for ${missing}, or another mode`,
    };
  const safe = operation.safe ?? operation.method === 'GET';
  if (mode === 'shadow' && !safe)
    yield {
      path: at,
      at: 'value',
      found: '"shadow" of an operation that is not safe',
      expected: '"safe: true" where running it on both sides does no harm, or another mode',
    };
}

/** What a service writes behind the gateway's back leaves no marks, so that the other side would never learn of it. */
function* upstreamFits(path: string[], operation: Operation): Iterable<Finding> {
  const safe = operation.safe ?? operation.method === 'GET';
  if (safe || !operation.resources) return;
  for (const side of SIDES) {
    if (operation[side]?.upstream === undefined) continue;
    yield {
      path: [...path, side, 'upstream'],
      at: 'key',
      found: 'a service that writes resources of the gateway',
      expected: 'a module, whose writes reach both sides; or "safe: true" where it only reads',
    };
  }
}

function has(of: object, name: string): boolean {
  return Object.hasOwn(of, name);
}

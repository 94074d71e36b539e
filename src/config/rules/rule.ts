import type { ConfigFile, Partly, ResourceInFile } from '../file-shape.ts';
import type { ModelOutline } from '../prisma-models.ts';
import { type Finding, type Path, shown } from '../problem.ts';
import { nearest } from '../suggest.ts';

/** What a rule sees: every value has the form that the schema asks for, or is missing. */
export interface Draft {
  config: Partly<ConfigFile>;
  /** The texts of the file that hold a `${NAME}`, by JSON pointer. */
  sources: ReadonlyMap<string, string>;
  /** A value as the file has it: the `${NAME}` instead of what the environment brought. */
  written(path: Path, value: string | undefined): string;
  /** Absolute path of a path in the file. */
  absolute(path: string): string;
  isFile(path: string): boolean;
  /** Models of a `prisma` store by name; null where its schema cannot be read. Reads each schema once. */
  models(store: string): ReadonlyMap<string, ModelOutline> | null;
}

/** A condition between several settings: yields what breaks it. */
export type Rule = (draft: Draft) => Iterable<Finding>;

export function* resourcesOf({ config }: Draft): Iterable<[name: string, resource: Partly<ResourceInFile>]> {
  for (const [name, resource] of Object.entries(config.resources ?? {})) if (resource) yield [name, resource];
}

export function* storesOf({ config }: Draft) {
  for (const [name, store] of Object.entries(config.stores ?? {})) if (store) yield [name, store] as const;
}

/** Name of the store with the control schema: the one that is named, or the only one of kind `prisma`, or null. */
export function controlOf(draft: Draft): string | null {
  const names = [...storesOf(draft)].filter(([, store]) => store.kind === 'prisma').map(([name]) => name);
  return draft.config.control ?? (names.length === 1 ? (names[0] ?? null) : null);
}

/** A value that is not one of the known names. */
export function unknownName(path: Path, name: string, known: readonly string[], what: string): Finding {
  const near = nearest(name, known);
  return {
    path,
    at: 'value',
    found: shown(name),
    expected: known.length > 0 ? `${what}: ${known.join(', ')}` : `${what}, but there is none`,
    ...(near === null ? {} : { suggestion: `"${near}"` }),
  };
}

/** The second and further places of each value that must be there once. */
export function* repeated<T>(
  entries: Iterable<{ value: T; path: Path }>,
  explain: (value: T, first: Path) => Pick<Finding, 'found' | 'expected'>,
): Iterable<Finding> {
  const first = new Map<T, Path>();
  for (const { value, path } of entries) {
    const earlier = first.get(value);
    if (earlier) yield { path, at: 'value', ...explain(value, earlier) };
    else first.set(value, path);
  }
}

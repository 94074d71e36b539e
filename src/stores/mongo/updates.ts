import type { Document } from 'mongodb';
import { bsonTypeOf } from './plain.ts';
import type { Changes } from './documents.ts';

interface Branch {
  /** Paths below this one, by the next name. */
  children: Map<string, Branch>;
  /** What to set here. */
  value?: { native: unknown };
}

/**
 * The stages of an update that sets and removes just these paths. A null for a field that is missing leaves it missing:
 * the other side has no way to say so, and a document must not grow by being copied back. Embedded documents are made
 * only where something that is not null goes into them.
 *
 * `keyName` is never written: the filter of the update has it. `columns`: names of all columns.
 */
export function updateStages(
  { set, remove, rest }: Changes,
  keyName: string,
  columns: Iterable<string>,
): Document[] {
  const root = treeOf([...set].filter(([path]) => path !== keyName));
  const fields = [...root.children].map(([name, branch]) => [name, expression(branch, `$${name}`)] as const);
  const gone = remove.filter((path) => path !== keyName);
  return [
    ...(rest ? [{ $replaceWith: restWithNamed(rest, columns) }] : []),
    ...(fields.length > 0 ? [{ $set: Object.fromEntries(fields) }] : []),
    ...(gone.length > 0 ? [{ $unset: gone }] : []),
  ];
}

function treeOf(leaves: readonly (readonly [path: string, native: unknown])[]): Branch {
  const root: Branch = { children: new Map() };
  for (const [path, native] of leaves) plant(root, path.split('.'), native);
  return root;
}

function plant(branch: Branch, [name = '', ...rest]: string[], native: unknown): void {
  const child = branch.children.get(name) ?? { children: new Map<string, Branch>() };
  branch.children.set(name, child);
  if (rest.length === 0) child.value = { native };
  else plant(child, rest, native);
}

function expression(branch: Branch, path: string): unknown {
  if (branch.value)
    return branch.value.native === null ? nullUnlessMissing(path) : { $literal: branch.value.native };
  const members = [...branch.children].map(
    ([name, child]) => [name, expression(child, `${path}.${name}`)] as const,
  );
  const merged = (present: unknown) => ({ $mergeObjects: [present, Object.fromEntries(members)] });
  // Anything else than a document on the way is an error of the server's, not written over.
  if (hasValue(branch)) return merged({ $ifNull: [path, {}] });
  return { $cond: [isDocument(path), merged(path), presentOrMissing(path)] };
}

/** The fields that no column names, as given, with the ones that columns name, as they are. */
function restWithNamed(rest: Document, columns: Iterable<string>): unknown {
  const named = treeOf([...new Set(['_id', ...columns])].map((path) => [path, null]));
  return { $mergeObjects: [{ $literal: rest }, keptMembers(named, rest, '$')] };
}

function keptMembers({ children }: Branch, rest: unknown, path: string): Document {
  return Object.fromEntries(
    [...children].map(([name, child]) => {
      const own = `${path}${name}`;
      const given = bsonTypeOf(rest) === 'object' ? (rest as Document)[name] : undefined;
      return [name, child.value ? presentOrMissing(own) : kept(child, given as unknown, own)];
    }),
  );
}

function kept(branch: Branch, rest: unknown, path: string): unknown {
  const members = keptMembers(branch, rest, `${path}.`);
  if (rest !== undefined) return { $mergeObjects: [{ $literal: rest }, members] };
  return { $cond: [isDocument(path), members, presentOrMissing(path)] };
}

function nullUnlessMissing(path: string): unknown {
  return { $cond: [isMissing(path), '$$REMOVE', null] };
}

function presentOrMissing(path: string): unknown {
  return { $cond: [isMissing(path), '$$REMOVE', path] };
}

function isMissing(path: string): unknown {
  return { $eq: [{ $type: path }, 'missing'] };
}

function isDocument(path: string): unknown {
  return { $eq: [{ $type: path }, 'object'] };
}

function hasValue({ value, children }: Branch): boolean {
  return value ? value.native !== null : [...children.values()].some(hasValue);
}

/** The same changes as a document of its own, with the nulls that were given. */
export function newDocument({ set, rest = {} }: Changes): Document {
  const document: Document = structuredDocument(rest);
  for (const [path, native] of set) {
    const names = path.split('.');
    const last = names.pop() as string;
    let at = document;
    for (const name of names) at = (at[name] ??= {}) as Document;
    at[last] = native;
  }
  return document;
}

/** A copy of its embedded documents, into which fields are put. */
function structuredDocument(document: Document): Document {
  return Object.fromEntries(
    Object.entries(document).map(([name, member]: [string, unknown]) => [
      name,
      bsonTypeOf(member) === 'object' ? structuredDocument(member as Document) : member,
    ]),
  );
}

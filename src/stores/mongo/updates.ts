import type { Document } from 'mongodb';
import type { Changes } from './documents.ts';

interface Branch {
  /** Paths below this one, by the next name. */
  children: Map<string, Branch>;
  /** The value to set here. */
  value?: { native: unknown };
}

/**
 * The stages of an update that sets and removes just these paths. A null for a field that is missing leaves it missing:
 * the other side has no way to say so, and a document must not grow by being copied back. Embedded documents are made
 * only where something that is not null goes into them.
 */
export function updateStages({ set, remove }: Changes, keyName: string): Document[] {
  const root: Branch = { children: new Map() };
  for (const [path, native] of set) if (path !== keyName) plant(root, path.split('.'), native);
  const fields = [...root.children].map(([name, branch]) => [name, expression(branch, `$${name}`)] as const);
  const gone = remove.filter((path) => path !== keyName);
  return [
    ...(fields.length > 0 ? [{ $set: Object.fromEntries(fields) }] : []),
    ...(gone.length > 0 ? [{ $unset: gone }] : []),
  ];
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
  return { $cond: [{ $eq: [{ $type: path }, 'object'] }, merged(path), valueOrMissing(path)] };
}

function nullUnlessMissing(path: string): unknown {
  return { $cond: [isMissing(path), '$$REMOVE', null] };
}

function valueOrMissing(path: string): unknown {
  return { $cond: [isMissing(path), '$$REMOVE', path] };
}

function isMissing(path: string): unknown {
  return { $eq: [{ $type: path }, 'missing'] };
}

function hasValue({ value, children }: Branch): boolean {
  return value ? value.native !== null : [...children.values()].some(hasValue);
}

/** The same changes as a document of its own, with the nulls that were given. */
export function newDocument({ set }: Changes): Document {
  const document: Document = {};
  for (const [path, native] of set) {
    const names = path.split('.');
    const last = names.pop() as string;
    let at = document;
    for (const name of names) at = (at[name] ??= {}) as Document;
    at[last] = native;
  }
  return document;
}

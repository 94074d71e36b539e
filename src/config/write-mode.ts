import { randomUUID } from 'node:crypto';
import { type FileHandle, open, readFile, realpath, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { BanyanError } from '../domain/errors.ts';
import type { Mode, ResourceName } from '../domain/words.ts';
import { readDocument } from './document.ts';
import { decodeConfig } from './load.ts';

type Tree = { resources?: Record<string, { mode?: unknown } | undefined> } | undefined;

/**
 * Sets the `mode` of one resource in the file and leaves every other byte as it is. The file is replaced as a whole
 * (written beside it, flushed, renamed), through symlinks and with its permissions kept: a reader sees the old text or
 * the new one. Throws `unknown-resource`, or `config-invalid` where the file cannot be changed like this.
 */
export async function writeMode(file: string, resource: ResourceName, mode: Mode): Promise<void> {
  const target = await realpath(file).catch((error: unknown) =>
    refuse(file, `it cannot be found (${code(error)})`),
  );
  // Somebody may save the file between our reading and our writing; then their text is the one to change.
  for (let attempt = 0; attempt < 5; attempt++) {
    const before = await readFile(target).catch((error: unknown) =>
      refuse(file, `it cannot be read (${code(error)})`),
    );
    const text = decode(before, file);
    const changed = withMode(text, file, resource, mode);
    if (changed === text) return;
    const done = await replace(target, before, changed).catch((error: unknown) =>
      refuse(file, `it cannot be written (${code(error)})`),
    );
    if (done) return;
  }
  refuse(file, 'somebody else goes on changing it');
}

/** The text with another mode for one resource. */
export function withMode(text: string, file: string, resource: ResourceName, mode: Mode): string {
  const start = text.startsWith('\uFEFF') ? 1 : 0;
  const document = readDocument(text.slice(start), file);
  if (document.broken) refuse(file, 'it is not valid YAML');
  const tree = document.tree as Tree;
  const found =
    tree?.resources && Object.hasOwn(tree.resources, resource) ? tree.resources[resource] : undefined;
  if (!found) throw new BanyanError('unknown-resource', `There is no resource "${resource}" in ${file}.`);
  if (found.mode === mode) return text;
  const range = document.range(['resources', resource, 'mode']);
  if (!range)
    refuse(file, `the mode of "${resource}" has no place of its own in it (an alias, or "mode:" is missing)`);
  const [from, to] = [range[0] + start, range[1] + start];
  const quote = /^["']/.exec(text.slice(from, to))?.[0] ?? '';
  const changed = `${text.slice(0, from)}${quote}${mode}${quote}${text.slice(to)}`;
  // An anchor at the mode would change its aliases too: the result must be the same file but for this one value.
  const after = readDocument(changed.slice(start), file).tree as Tree;
  found.mode = mode;
  if (!isDeepStrictEqual(after, tree))
    refuse(file, `other settings share the mode of "${resource}" by an anchor`);
  return changed;
}

/** Puts a text in the place of a file, unless the file is no longer what it was. */
async function replace(target: string, before: Buffer, text: string): Promise<boolean> {
  const { mode } = await stat(target);
  const beside = join(dirname(target), `.${basename(target)}.${randomUUID()}.tmp`);
  const handle = await open(beside, 'wx', mode);
  try {
    await fill(handle, text, mode);
    if (!before.equals(await readFile(target))) return false;
    await rename(beside, target);
  } finally {
    // After the rename there is nothing left to remove.
    await rm(beside, { force: true });
  }
  await flushFolder(dirname(target));
  return true;
}

async function fill(handle: FileHandle, text: string, mode: number) {
  try {
    await handle.writeFile(text);
    // The mode given to open() is cut by the umask.
    await handle.chmod(mode);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Without this a power cut may undo the rename. */
async function flushFolder(folder: string) {
  const handle = await open(folder, 'r');
  await handle.sync().finally(() => handle.close());
}

function decode(content: Buffer, file: string): string {
  try {
    return decodeConfig(content);
  } catch {
    return refuse(file, 'it is not UTF-8');
  }
}

function refuse(file: string, reason: string): never {
  throw new BanyanError('config-invalid', `The mode was not written to ${file}: ${reason}.`);
}

function code(error: unknown): string {
  return String((error as { code?: unknown }).code ?? 'unknown reason');
}

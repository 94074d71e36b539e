import { type FileHandle, open, readFile, realpath, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { BanyanError } from '../domain/errors.ts';
import type { Mode, ResourceName } from '../domain/words.ts';
import { readDocument } from './document.ts';
import { decodeConfig } from './load.ts';

type Tree = { resources?: Record<string, { mode?: unknown } | undefined> } | undefined;

/** A writer holds the file for milliseconds; one that has held it for longer than this, in ms, was killed. */
const STALE = 10_000;
const PATIENCE = 15_000;

/**
 * Sets the `mode` of one resource in the file and leaves every other byte as it is. The file is replaced as a whole
 * (written beside it, flushed, renamed), through symlinks and with its permissions kept: a reader sees the old text or
 * the new one. Throws `unknown-resource`, or `config-invalid` where the file cannot be changed like this.
 */
export async function writeMode(file: string, resource: ResourceName, mode: Mode): Promise<void> {
  try {
    const target = await realpath(file);
    // The new text's place is the lock too: it is there from the reading to the renaming, so writers come in turn.
    const beside = join(dirname(target), `.${basename(target)}.banyan`);
    const handle = await takePlace(beside, file);
    let placed = false;
    try {
      const before = await readFile(target);
      const changed = withMode(decode(before, file), file, resource, mode);
      const { mode: permissions } = await stat(target);
      await fill(handle, changed, permissions);
      // An editor takes no lock; what it saved since must not be lost.
      if (!before.equals(await readFile(target))) refuse(file, 'somebody has just saved it; try again');
      if (changed === before.toString()) return;
      await rename(beside, target);
      placed = true;
    } finally {
      // After the rename the name may already be another writer's.
      if (!placed) await rm(beside, { force: true });
      await handle.close();
    }
    await flushFolder(dirname(target));
  } catch (error) {
    if (error instanceof BanyanError) throw error;
    refuse(file, `it cannot be read or written (${code(error)})`);
  }
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

async function takePlace(beside: string, file: string): Promise<FileHandle> {
  const start = performance.now();
  for (;;) {
    try {
      return await open(beside, 'wx');
    } catch (error) {
      if (code(error) !== 'EEXIST') throw error;
    }
    const taken = await stat(beside).catch(() => null);
    if (taken && Date.now() - taken.mtimeMs > STALE) await rm(beside, { force: true });
    if (performance.now() - start > PATIENCE) refuse(file, 'another process goes on writing it');
    await setTimeout(10);
  }
}

async function fill(handle: FileHandle, text: string, permissions: number) {
  await handle.writeFile(text);
  await handle.chmod(permissions);
  await handle.sync();
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

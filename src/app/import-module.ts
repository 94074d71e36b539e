import { pathToFileURL } from 'node:url';

/**
 * A module that the configuration names. Operators write TypeScript; where Banyan itself runs as JavaScript, Node 20
 * needs the loader for it, which is taken when the first such module is asked for. Rejects with the module's own error.
 */
export async function importModule(file: string): Promise<Record<string, unknown>> {
  if (/\.[cm]?ts$/.test(file)) await readTypeScript();
  return (await import(pathToFileURL(file).href)) as Record<string, unknown>;
}

let registered: Promise<unknown> | undefined;

async function readTypeScript(): Promise<void> {
  // Run from the sources, the loader is there.
  if (import.meta.url.endsWith('.ts')) return;
  await (registered ??= import('tsx/esm/api').then(({ register }) => register()));
}

import type { ResourceSettings } from '../domain/configuration.ts';
import { BanyanError } from '../domain/errors.ts';
import type { CustomModule } from '../mapping/custom.ts';
import { importModule } from './import-module.ts';

/** The modules of a resource's `fields.custom`, in its order. */
export async function loadMappingModules({ name, fields }: ResourceSettings): Promise<CustomModule[]> {
  return await Promise.all(fields.custom.map(async ({ module }) => await load(name, module)));
}

async function load(resource: string, file: string): Promise<CustomModule> {
  const wrong = (reason: string) =>
    new BanyanError('config-invalid', `fields.custom of ${resource}: ${file} ${reason}`);
  const module = await importModule(file).catch((error: unknown) => {
    throw wrong(`cannot be loaded: ${(error as Error).message}`);
  });
  const { toNew, toLegacy } = module as Partial<CustomModule>;
  if (typeof toNew === 'function' && typeof toLegacy === 'function') return { toNew, toLegacy };
  throw wrong(`must export the functions "toNew" and "toLegacy"`);
}

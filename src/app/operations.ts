import type { OperationSettings } from '../domain/configuration.ts';
import { BanyanError } from '../domain/errors.ts';
import type { Side } from '../domain/words.ts';
import type { BoundSide, OperationHandler } from '../gateway/operations.ts';
import { importModule } from './import-module.ts';

type Sides = Readonly<Record<Side, BoundSide>>;

/** What runs on each side of every operation, by the operation's name. Throws config-invalid where a module has none. */
export async function loadOperations(operations: readonly OperationSettings[]): Promise<Map<string, Sides>> {
  const loaded = operations.map(async (settings): Promise<[string, Sides]> => {
    const sides = { legacy: await loadSide(settings, 'legacy'), new: await loadSide(settings, 'new') };
    if (!sides.legacy && !sides.new) throw invalid(settings, 'its module exports neither "legacy" nor "new"');
    return [settings.name, sides];
  });
  return new Map(await Promise.all(loaded));
}

/** A module that both sides share may lack one of them: there the operation is closed. */
async function loadSide(settings: OperationSettings, side: Side): Promise<BoundSide> {
  const given = settings.sides[side];
  if (!given || 'upstream' in given) return given && { service: given };
  const module = await load(settings, given.module);
  const handler = module[side] ?? module['default'];
  return typeof handler === 'function' ? { handler: handler as OperationHandler } : null;
}

async function load(settings: OperationSettings, file: string): Promise<Record<string, unknown>> {
  try {
    return await importModule(file);
  } catch (error) {
    throw invalid(settings, `${file} cannot be loaded: ${(error as Error).message}`);
  }
}

function invalid({ name }: OperationSettings, reason: string): BanyanError {
  return new BanyanError('config-invalid', `operation ${name}: ${reason}`);
}

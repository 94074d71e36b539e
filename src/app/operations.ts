import type { OperationSettings, ServiceSide } from '../domain/configuration.ts';
import { BanyanError } from '../domain/errors.ts';
import type { Side } from '../domain/words.ts';
import type { ProbedService } from '../gateway/health.ts';
import type { BoundSide, OperationHandler } from '../gateway/operations.ts';
import { Service } from '../gateway/service-call.ts';
import { importModule } from './import-module.ts';

/** Hears of what the services of operations come to, beside requests. */
export type ServiceNotice = (event: {
  operation: string;
  side: Side;
  message: string;
  details: Record<string, unknown>;
}) => void;

type Sides = Readonly<Record<Side, BoundSide>>;

/**
 * What runs on each side of every operation, by the operation's name. Services whose settings are as in `before` are taken
 * over, with what they have seen of failures. Throws config-invalid where a module has no handler.
 */
export async function loadOperations(
  operations: readonly OperationSettings[],
  notice: ServiceNotice,
  before?: ReadonlyMap<string, Sides>,
): Promise<Map<string, Sides>> {
  const loaded = operations.map(async (settings): Promise<[string, Sides]> => {
    const present = before?.get(settings.name);
    const sides = {
      legacy: await loadSide(settings, 'legacy', notice, present?.legacy),
      new: await loadSide(settings, 'new', notice, present?.new),
    };
    if (!sides.legacy && !sides.new) throw invalid(settings, 'its module exports neither "legacy" nor "new"');
    return [settings.name, sides];
  });
  return new Map(await Promise.all(loaded));
}

/** A module that both sides share may lack one of them: there the operation is closed. */
async function loadSide(
  settings: OperationSettings,
  side: Side,
  notice: ServiceNotice,
  present: BoundSide | undefined,
): Promise<BoundSide> {
  const given = settings.sides[side];
  if (!given) return null;
  if ('upstream' in given) return { service: serviceOf(given, settings, side, notice, present) };
  const module = await load(settings, given.module);
  const handler = module[side] ?? module['default'];
  return typeof handler === 'function' ? { handler: handler as OperationHandler } : null;
}

function serviceOf(
  given: ServiceSide,
  { name: operation, safe }: OperationSettings,
  side: Side,
  notice: ServiceNotice,
  present: BoundSide | undefined,
): Service {
  const kept = present && 'service' in present ? present.service : null;
  const same = kept?.safe === safe && JSON.stringify(kept.settings) === JSON.stringify(given);
  if (same) return kept;
  const title = `the service of operation "${operation}" on ${side}`;
  return new Service(given, safe, title, (event) => notice({ operation, side, ...event }));
}

/** The services of all operations, for their figures. */
export function servicesOf(operations: ReadonlyMap<string, Sides>): ProbedService[] {
  const sides: readonly Side[] = ['legacy', 'new'];
  return [...operations].flatMap(([operation, bound]) =>
    sides.flatMap((side) => {
      const runs = bound[side];
      return runs && 'service' in runs ? [{ operation, side, figures: runs.service.figures }] : [];
    }),
  );
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

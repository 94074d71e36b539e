import { GUARDS } from '../control/guards/index.ts';
import { nearest } from '../config/suggest.ts';
import type { Options } from './command.ts';
import { usage } from './failure.ts';

/** Guards to override with their reasons: a reason each, in order. Throws a usage error for anything else. */
export function forcedGuards(options: Options): Map<string, string> {
  const guards = (options.force ?? []) as string[];
  const reasons = ((options.reason ?? []) as string[]).map((reason) => reason.trim());
  const names = GUARDS.map(({ name }) => name);
  for (const guard of guards) {
    if (names.includes(guard)) continue;
    const near = nearest(guard, names);
    throw usage(
      `there is no guard "${guard}"${near ? `; did you mean ${near}?` : ''}`,
      `Guards are ${names.join(', ')}.`,
    );
  }
  if (guards.length !== reasons.length || reasons.includes('')) {
    const found = `${guards.length} --force and ${reasons.filter(Boolean).length} --reason`;
    throw usage(
      `every --force needs a --reason of its own; found ${found}`,
      'Write --force GUARD --reason "why it may be passed".',
    );
  }
  return new Map(guards.map((guard, index) => [guard, reasons[index] as string]));
}

import type { Mode, ResourceState } from '../domain/words.ts';
import type { Result } from './command.ts';
import { EXIT } from './exit-codes.ts';
import { guardLines, guardsOf, KINDS, reportOf } from './guards.ts';
import type { Session } from './session.ts';
import type { Terminal } from './terminal.ts';

/** `--dry-run`: the steps from here to a mode, and what the guards of the first one say now. Moves nothing. */
export async function rehearse(
  session: Session,
  terminal: Terminal,
  state: ResourceState,
  to: Mode,
  forced: ReadonlyMap<string, string>,
): Promise<Result> {
  const { resource: name, mode, stage } = state;
  const asked = await session.switching.ask(name, to);
  const steps = asked?.steps ?? [];
  const first = reportOf(asked?.answers ?? []);
  const refused = first.filter(({ guard, met }) => !met && !forced.has(guard)).map(({ guard }) => guard);
  const document = {
    resource: name,
    mode,
    asked: to,
    dryRun: true,
    underWay: stage === 'open' ? null : stage,
    steps: steps.map((step, index) => ({
      from: step.from,
      to: step.to,
      kind: step.kind,
      what: KINDS[step.kind],
      guards: index === 0 ? first : guardsOf(step),
    })),
    refusedBy: refused,
    forced: Object.fromEntries(forced),
  };
  const text = steps.flatMap((step, index) => {
    const heading = `${index + 1}. ${step.from} → ${step.to}: ${KINDS[step.kind]}`;
    const guards =
      index === 0
        ? guardLines(terminal, first, forced)
        : guardsOf(step).map((guard) => `  · ${guard}: asked when its turn comes`);
    return [heading, ...guards];
  });
  if (steps.length === 0) text.push(`${name} is in mode ${to} already.`);
  text.push('Nothing was moved.');
  return { exit: refused.length > 0 ? EXIT.refused : EXIT.done, document, text };
}

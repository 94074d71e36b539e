import { modeAfter, stepsBetween } from '../../domain/modes.ts';
import type { Mode, ResourceState } from '../../domain/words.ts';
import { readResourceStatus } from '../../control/resource-status.ts';
import { readWanted } from '../../state/wanted.ts';
import type { CommandModule, Result } from '../command.ts';
import { EXIT } from '../exit-codes.ts';
import { guardLines, guardsOf, KINDS, reportOf, type GuardReport } from '../guards.ts';
import { Session } from '../session.ts';
import type { Terminal } from '../terminal.ts';
import { modeOf } from './switch.ts';

export const run: CommandModule['run'] = async (invocation, [name = '', mode]) => {
  const asked = mode === undefined ? null : modeOf(mode);
  return await Session.with(invocation, async (session) => {
    const state = await session.state(name);
    const to = asked ?? modeAfter(state.mode);
    if (to === null || to === state.mode) return arrived(state, to);
    const { steps, answers } = (await session.switching.ask(name, to)) ?? { steps: [], answers: [] };
    const guards = reportOf(answers);
    const ready = guards.every(({ met }) => met);
    const text = explain(invocation.terminal, state, to, guards);
    const underWay = state.stage === 'open' ? null : await underWayText(session, state);
    const document = {
      resource: name,
      mode: state.mode,
      asked: to,
      ready,
      underWay,
      step: steps[0] ?? null,
      guards,
    };
    return { exit: ready ? EXIT.done : EXIT.refused, document, text: underWay ? [underWay, ...text] : text };
  });
};

function arrived({ resource, mode }: ResourceState, to: Mode | null): Result {
  const end = `${resource} is in mode ${mode}, the end of the road; "banyan retire ${resource}" ends the way back.`;
  const text = to === null ? end : `${resource} is in mode ${mode} already.`;
  return {
    exit: EXIT.done,
    document: { resource, mode, asked: to, ready: true, underWay: null, step: null, guards: [] },
    text: [text],
  };
}

async function underWayText(session: Session, state: ResourceState): Promise<string | null> {
  const { database, switching } = session;
  const wanted = (await readWanted(database)).find(({ resource }) => resource === state.resource);
  const status = await readResourceStatus({
    database,
    switching,
    resource: session.resource(state.resource),
    state,
    wanted,
  });
  return status.difference;
}

function explain(
  terminal: Terminal,
  { resource, mode }: ResourceState,
  to: Mode,
  guards: readonly GuardReport[],
): string[] {
  const [first, ...later] = stepsBetween(mode, to);
  if (!first) return [];
  const unmet = guards.filter(({ met }) => !met);
  const lines = [
    `${resource} ${first.from} → ${first.to}: ${KINDS[first.kind]}`,
    ...guardLines(terminal, guards),
  ];
  for (const step of later)
    lines.push(`then ${step.from} → ${step.to}, which asks ${guardsOf(step).join(', ') || 'nothing'}`);
  lines.push(
    unmet.length === 0
      ? `Nothing is in the way: banyan switch ${resource} ${first.to}`
      : `In the way: ${unmet.map(({ guard }) => guard).join(', ')}`,
  );
  return lines;
}

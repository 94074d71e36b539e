import { setTimeout as sleep } from 'node:timers/promises';
import { writeMode } from '../config/write-mode.ts';
import type { Walk, WalkedStep } from '../control/switching.ts';
import { stepsBetween } from '../domain/modes.ts';
import type { Mode, ResourceName, ResourceState } from '../domain/words.ts';
import { listReplicas } from '../state/replicas.ts';
import { lastSwitch, readPauses } from '../state/switches.ts';
import type { Invocation, Options, Result } from './command.ts';
import { EXIT } from './exit-codes.ts';
import { forcedGuards } from './force.ts';
import { moveResult, type FileReport } from './move-report.ts';
import { agreed } from './question.ts';
import { rehearse } from './rehearsal.ts';
import { Session } from './session.ts';
import type { Terminal } from './terminal.ts';

/** How long the replicas may take to say how long they held writes; ms. */
const REPORTS_WITHIN = 1_500;

/** Moves a resource along the road, or with `--dry-run` says what that would be. `goal` decides from where it is now. */
export async function move(
  invocation: Invocation,
  name: ResourceName,
  goal: (state: ResourceState, cameFrom: Mode | null) => Mode,
  options: Options,
): Promise<Result> {
  const forced = forcedGuards(options);
  return await Session.with(invocation, async (session) => {
    const state = await session.state(name);
    const to = goal(state, (await lastSwitch(session.database, name))?.from ?? null);
    if (options.dryRun) return await rehearse(session, invocation.terminal, state, to, forced);
    if (!options.yes && !(await mayMove(invocation.terminal, state, to, forced))) {
      return {
        exit: EXIT.done,
        document: { resource: name, mode: state.mode, asked: to, moved: false },
        text: ['Nothing was done.'],
      };
    }
    await session.workOff();
    const { onProgress, lastWait } = teller(invocation.terminal, name);
    const request = {
      resource: name,
      to,
      actor: invocation.actor,
      source: 'command' as const,
      forced,
      onProgress,
    };
    const walk = await session.switching.walk(request);
    for (const walked of walk.walked) await awaitPauses(session, walked);
    const file = options.writeFile ? await rewrite(invocation.file, name, to, walk) : null;
    return moveResult(invocation.terminal, { name, to, walk, waitedFor: lastWait(), forced, file });
  });
}

/** Asks before writes are held or a guard is passed by force. */
async function mayMove(
  terminal: Terminal,
  state: ResourceState,
  to: Mode,
  forced: ReadonlyMap<string, string>,
): Promise<boolean> {
  const flips = stepsBetween(state.mode, to).some(({ kind }) => kind === 'flip');
  if (!flips && forced.size === 0) return true;
  const held = flips ? '; its writes are held for a moment' : '';
  const force = forced.size > 0 ? `; forced: ${[...forced.keys()].join(', ')}` : '';
  return await agreed(terminal, `Move ${state.resource} from ${state.mode} to ${to}${held}${force}?`);
}

/** Says what a switch waits for, when that changes in kind (figures alone are no news), and remembers the last. */
function teller(terminal: Terminal, name: ResourceName) {
  let last = '';
  let wait: string | null = null;
  const onProgress = ({ stage, previousMode, nextMode }: ResourceState, waitsFor: string | null) => {
    wait = waitsFor ?? wait;
    if (stage === 'open') return void (last = '');
    const news = `${stage} ${(waitsFor ?? '').replace(/\d+/g, 'n')}`;
    if (news === last) return;
    last = news;
    const waiting = waitsFor ? `: waits for ${waitsFor}` : '';
    terminal.line(`  ${name} ${previousMode} → ${nextMode}, ${stage}${waiting}`);
  };
  return { onProgress, lastWait: () => wait };
}

/** Replicas report a moment after they have let the held writes go on. */
async function awaitPauses(session: Session, walked: WalkedStep): Promise<void> {
  const { record, step } = walked;
  if (!record || step.kind !== 'flip') return;
  const fresh = (await listReplicas(session.database)).filter((replica) => replica.fresh).length;
  const until = performance.now() + REPORTS_WITHIN;
  while (walked.pauses.length < fresh && performance.now() < until) {
    await sleep(50);
    walked.pauses = await readPauses(session.database, record.id);
  }
}

/** Only a mode that is reached is written: the file must not ask for what was refused. */
async function rewrite(file: string, name: ResourceName, to: Mode, walk: Walk): Promise<FileReport> {
  if (walk.mode !== to) return { written: false, problem: `${name} is not in mode ${to}` };
  try {
    await writeMode(file, name, to);
    return { written: true, problem: null };
  } catch (error) {
    return { written: false, problem: (error as Error).message };
  }
}

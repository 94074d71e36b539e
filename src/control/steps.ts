import { emptiesNew, MODES, stepBetween } from '../domain/modes.ts';
import type { Mode, ResourceState } from '../domain/words.ts';
import type { StepChange, SwitchSituation } from '../state/resources.ts';

/** What a coordinator does next with a switch under way; `wait` says for what. */
export type NextStep =
  | { do: 'wait'; for: string }
  | {
      do: 'step';
      name: 'switch' | 'open' | 'turn-round';
      change: StepChange;
      outcome: 'done' | 'turned-round' | null;
    };

const STOPPED = 'writes that a stopped replica sent without a mark';
const closed = { nextMode: null, previousMode: null, switchId: null, budget: null } as const;

/**
 * R10–R15, R19 as a pure function: any coordinator, looking at the same state, decides the same. The first step of a
 * switch is `beginStep`.
 */
export function decideStep(state: ResourceState, situation: SwitchSituation): NextStep {
  switch (state.stage) {
    case 'open':
      return { do: 'wait', for: 'nothing: no switch is under way' };
    case 'enter':
      return decideEnter(state, situation);
    case 'drain':
      return decideDrain(state, situation);
    case 'switch':
      return decideSwitch(state, situation);
  }
}

/** The step that begins a switch to a neighbour of the road. */
export function beginStep(state: ResourceState, to: Mode, switchId: string, budget: number): StepChange {
  const step = stepBetween(state.mode, to);
  if (!step) throw new RangeError(`${state.mode} and ${to} are no neighbours`);
  switch (step.kind) {
    case 'plain':
      return { ...closed, stage: 'open', mode: to, primary: MODES[to].primary };
    // R19: every replica marks before backfill begins. R20: what was filled before is void.
    case 'enter':
      return {
        stage: 'enter',
        mode: to,
        nextMode: to,
        previousMode: state.mode,
        primary: MODES[to].primary,
        switchId,
        budget,
        newGeneration: true,
      };
    // R11: from here on R8 and R9 refuse writes everywhere; replicas hold them. M6: what was moved before is void.
    case 'flip':
      return {
        stage: 'drain',
        mode: state.mode,
        nextMode: to,
        previousMode: state.mode,
        primary: state.primary,
        switchId,
        budget,
        newGeneration: emptiesNew(step),
      };
  }
}

function open(mode: Mode, outcome: 'done' | 'turned-round'): NextStep {
  const change = { ...closed, stage: 'open', mode, primary: MODES[mode].primary } as const;
  return { do: 'step', name: outcome === 'done' ? 'open' : 'turn-round', change, outcome };
}

function decideEnter(state: ResourceState, situation: SwitchSituation): NextStep {
  const { missingAcks, quiet, overdue } = situation;
  if (missingAcks.length === 0 && quiet) return open(state.nextMode ?? state.mode, 'done');
  // Nothing was filled yet, so going back needs nobody's word.
  if (overdue) return open(state.previousMode ?? 'legacy', 'turned-round');
  return {
    do: 'wait',
    for: quiet ? waitingFor(missingAcks) : STOPPED,
  };
}

function decideDrain(state: ResourceState, situation: SwitchSituation): NextStep {
  const { marks, leases, missingAcks, quiet, overdue } = situation;
  const to = state.nextMode ?? state.mode;
  // Abort in DRAIN: straight back, no acknowledgements (R12).
  if (overdue) return open(state.previousMode ?? state.mode, 'turned-round');
  // M1: who writes legacy without a mark cannot be refused there (R8), so each replica says that it has stopped.
  if (MODES[state.mode].unmarked && (missingAcks.length > 0 || !quiet)) {
    return { do: 'wait', for: quiet ? waitingFor(missingAcks) : STOPPED };
  }
  // Between two modes in which new decides, marks may go on resting.
  if (MODES[state.mode].primary !== MODES[to].primary && (marks > 0 || leases > 0)) {
    return { do: 'wait', for: `${marks} marks and ${leases} leases to be worked off` };
  }
  const change = {
    stage: 'switch',
    mode: to,
    nextMode: to,
    previousMode: state.previousMode,
    primary: MODES[to].primary,
  } as const;
  return { do: 'step', name: 'switch', change, outcome: null };
}

function decideSwitch(state: ResourceState, situation: SwitchSituation): NextStep {
  const { missingAcks, overdue } = situation;
  const turned = state.nextMode === state.previousMode;
  // R14: every registered replica's last acknowledged route is the new one.
  if (missingAcks.length === 0) return open(state.mode, turned ? 'turned-round' : 'done');
  if (overdue && !turned && state.previousMode !== null) {
    // R15: turn round, to the route that a replica which was cut off still has.
    const back = state.previousMode;
    const change = {
      stage: 'switch',
      mode: back,
      nextMode: back,
      previousMode: back,
      primary: MODES[back].primary,
    } as const;
    return { do: 'step', name: 'turn-round', change, outcome: null };
  }
  return { do: 'wait', for: waitingFor(missingAcks) };
}

function waitingFor(replicas: readonly string[]): string {
  return `replica ${replicas.join(', ')} to acknowledge`;
}

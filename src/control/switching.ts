import { setTimeout as sleep } from 'node:timers/promises';
import { BanyanError } from '../domain/errors.ts';
import { emptiesNew, MODES, stepsBetween, syncsNow, type Step } from '../domain/modes.ts';
import type { Database } from '../domain/sql.ts';
import type { Mode, ResourceName, ResourceState } from '../domain/words.ts';
import { emptyNew } from '../replication/empty.ts';
import type { BoundResource } from '../replication/resource.ts';
import { writeAudit } from '../state/audit.ts';
import { readState, readStates, retireResource, setReturning } from '../state/resources.ts';
import { readPauses, readSwitch, wasLed, type SwitchPause, type SwitchRecord } from '../state/switches.ts';
import { askFor, type Wanted } from '../state/wanted.ts';
import type { Coordinator } from './coordinator.ts';
import { askGuards, type GuardAnswer } from './guards/index.ts';
import { marksAge } from './guards/marks-age.ts';

export interface SwitchRequest {
  resource: ResourceName;
  to: Mode;
  actor: string;
  source: Wanted['source'];
  /** Guards that the operator overrides, each with the reason (audited). */
  forced: ReadonlyMap<string, string>;
  /** Hears of what the switch waits for. */
  onProgress?: (state: ResourceState, waitsFor: string | null) => void;
}

/** One step of a walk and how it ended. */
export interface WalkedStep {
  step: Step;
  record: SwitchRecord | null;
  pauses: SwitchPause[];
}

export interface Walk {
  /** Where the resource is now. */
  mode: Mode;
  walked: WalkedStep[];
  /** The step that was not made, with every guard's answer; null when the goal was reached or a switch turned round. */
  refused: { step: Step; answers: GuardAnswer[] } | null;
  /** Why the last switch turned round, or null. */
  turnedRound: string | null;
}

/** How often a coordinator looks whether the next step can be made; ms. */
const LOOK = 15;

/** Moves resources along the road, step by step, each with its guards. */
export class Switching {
  private readonly database: Database;
  private readonly coordinator: Coordinator;
  private readonly resource: (name: ResourceName) => BoundResource | undefined;

  constructor(
    database: Database,
    coordinator: Coordinator,
    resource: (name: ResourceName) => BoundResource | undefined,
  ) {
    this.database = database;
    this.coordinator = coordinator;
    this.resource = resource;
  }

  /** The guards of the first step towards a mode, without moving anything; null when the resource is there already. */
  async ask(resource: ResourceName, to: Mode): Promise<{ steps: Step[]; answers: GuardAnswer[] } | null> {
    const state = await this.stateOf(resource);
    const steps = stepsBetween(state.mode, to);
    return steps[0] ? { steps, answers: await this.answers(state, steps[0]) } : null;
  }

  /** Walks towards a mode until it is reached, a guard refuses, or a switch turns round. */
  async walk(request: SwitchRequest): Promise<Walk> {
    const walk: Walk = { mode: 'legacy', walked: [], refused: null, turnedRound: null };
    const patience = performance.now() + (this.resource(request.resource)?.settings.switch.budget ?? 0);
    await this.remember(request, 'switch-asked', { mode: request.to, forced: [...request.forced.keys()] });
    for (;;) {
      const state = await this.whenOpen(request);
      walk.mode = state.mode;
      const step = stepsBetween(state.mode, request.to)[0];
      if (!step) {
        // M7: whoever asks for where it is does not want the way back any more.
        if (state.returning) await setReturning(this.database, state, false);
        // Nothing to walk, yet the last word: what a file asked for before is not pursued any more.
        if (walk.walked.length === 0) await this.noteWanted(request, request.to);
        return walk;
      }
      if (restsUntilDrain(state, step)) {
        // M7: what rests is worked off first, while writes still run; the drain is short then.
        await setReturning(this.database, state, true);
        continue;
      }
      const answers = await this.answers(state, step);
      const refusing = answers.filter(({ guard, refusal }) => refusal && !request.forced.has(guard));
      if (step.direction === 'down' && clearsBySyncing(refusing) && performance.now() < patience) {
        // R21: what `new` has left is worked off first, while writes still run; the drain is short then.
        request.onProgress?.(state, refusing[0]?.refusal?.reason ?? null);
        await sleep(10 * LOOK);
        continue;
      }
      if (refusing.length > 0) {
        await this.remember(request, 'switch-refused', { mode: step.to, refusal: refusalText(answers) });
        return { ...walk, refused: { step, answers } };
      }
      const record = await this.make(request, state, step, answers);
      if (!record) continue; // somebody else moved it meanwhile: look again
      walk.walked.push({ step, record, pauses: await readPauses(this.database, record.id) });
      if (record.outcome === 'turned-round') {
        walk.mode = (await this.stateOf(request.resource)).mode;
        return { ...walk, turnedRound: record.note ?? 'its time was over' };
      }
    }
  }

  /** R21: ends marking for good. Answers false when somebody else changed the resource meanwhile. */
  async retire(resource: ResourceName, actor: string): Promise<boolean> {
    const state = await this.stateOf(resource);
    if (state.mode !== 'new' || state.stage !== 'open') {
      throw new BanyanError(
        'switch-refused',
        `${resource} is in mode ${state.mode}; only a resource in mode new can be retired`,
      );
    }
    const done = await retireResource(this.database, resource, state.epoch);
    if (done) await writeAudit(this.database, { actor, action: 'retired', resource });
    return done;
  }

  private async make(
    request: SwitchRequest,
    state: ResourceState,
    step: Step,
    answers: readonly GuardAnswer[],
  ): Promise<SwitchRecord | null> {
    for (const { guard, refusal } of answers) {
      const reason = request.forced.get(guard);
      if (!refusal || reason === undefined) continue;
      const details = { guard, reason, refusal: refusal.reason, step: `${step.from} to ${step.to}` };
      await writeAudit(this.database, {
        actor: request.actor,
        action: 'guard-forced',
        resource: state.resource,
        details,
      });
    }
    // Before the step: what a file asked for earlier must not walk it back at once.
    await this.noteWanted(request, step.to);
    const resource = this.resource(state.resource);
    // M6: what new holds since an earlier stay would win over newer records of legacy.
    if (resource && emptiesNew(step) && (await wasLed(this.database, state.resource)))
      await emptyNew(resource);
    const begun = await this.coordinator.begin(state, step.to, request.actor);
    if (!begun) return null;
    const id = begun.switchId ?? (await this.lastSwitchId(state.resource));
    await this.whenOpen(request);
    return await readSwitch(this.database, id);
  }

  /** What a file asks for is remembered by whoever read it; it is tried again and again, and would fill the log. */
  private async remember(
    { source, actor, resource }: SwitchRequest,
    action: 'switch-asked' | 'switch-refused',
    details: Record<string, unknown>,
  ): Promise<void> {
    if (source === 'command') await writeAudit(this.database, { actor, action, resource, details });
  }

  private async noteWanted({ source, actor, resource }: SwitchRequest, mode: Mode): Promise<void> {
    if (source === 'command') await askFor(this.database, { resource, mode, source, actor });
  }

  /** Coordinates whatever is under way until the resource is open. */
  private async whenOpen(request: SwitchRequest): Promise<ResourceState> {
    for (;;) {
      const progress = await this.coordinator.advance(request.resource);
      if (progress) request.onProgress?.(progress.state, progress.waitsFor);
      if (progress?.state.stage === 'open') return progress.state;
      if (!progress) await this.stateOf(request.resource);
      await sleep(LOOK);
    }
  }

  private async lastSwitchId(resource: ResourceName): Promise<string> {
    const { rows } = await this.database.query<{ id: string }>(
      'SELECT max(id)::text AS id FROM banyan.switch WHERE resource = $1',
      [resource],
    );
    return rows[0]?.id as string;
  }

  private async stateOf(name: ResourceName): Promise<ResourceState> {
    const state = await readState(this.database, name);
    if (!state) throw new BanyanError('unknown-resource', `the control database knows no resource "${name}"`);
    return state;
  }

  private async answers(state: ResourceState, step: Step): Promise<GuardAnswer[]> {
    const resource = this.resource(state.resource);
    if (!resource)
      throw new BanyanError('unknown-resource', `routes.config.yaml names no resource "${state.resource}"`);
    const states = new Map((await readStates(this.database)).map((other) => [other.resource, other]));
    const parents = resource.references.map((reference) => this.resource(reference.resource));
    const children = [...states.keys()]
      .map((name) => this.resource(name))
      .filter((other) => other?.references.some((reference) => reference.resource === resource.name));
    return await askGuards({
      database: this.database,
      resource,
      state,
      step,
      stateOf: (other) => states.get(other),
      parents: parents.filter((parent) => parent !== undefined),
      children: children.filter((child) => child !== undefined),
    });
  }
}

/** Whether the step drains marks that nobody works off yet. */
function restsUntilDrain(state: ResourceState, { from, to, direction }: Step): boolean {
  return direction === 'down' && !syncsNow(state) && MODES[from].primary !== MODES[to].primary;
}

/** Whether all that is in the way are marks that the sync is working off. */
function clearsBySyncing(refusing: readonly GuardAnswer[]): boolean {
  return refusing.length > 0 && refusing.every(({ guard }) => guard === marksAge.name);
}

/** Refusals as one line of text. */
export function refusalText(answers: readonly GuardAnswer[]): string {
  return answers.flatMap(({ guard, refusal }) => (refusal ? [`${guard}: ${refusal.reason}`] : [])).join('; ');
}

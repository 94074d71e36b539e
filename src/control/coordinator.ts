import { emptiesNew, MODES, stepBetween } from '../domain/modes.ts';
import type { Database, Sql } from '../domain/sql.ts';
import type { Mode, ResourceName, ResourceState, Side } from '../domain/words.ts';
import { reach } from '../observability/failpoints.ts';
import type { Log } from '../observability/log.ts';
import type { BoundResource } from '../replication/resource.ts';
import { writeAudit } from '../state/audit.ts';
import { resetComparisons } from '../state/comparisons.ts';
import { raiseIds } from '../state/drawn-ids.ts';
import { listReplicas, takeOff } from '../state/replicas.ts';
import { lockForStep, readSituation, readState, stepResource } from '../state/resources.ts';
import { beginSwitch, endSwitch, noteDrained, noteOnSwitch, wasLed } from '../state/switches.ts';
import { isGone } from './presence.ts';
import { beginStep, decideStep, type NextStep } from './steps.ts';

export interface CoordinatorOptions {
  database: Database;
  /** The resources of this process's configuration. */
  resource: (name: ResourceName) => BoundResource | undefined;
  /** A1: the longest time in which a request that a stopped process sent may still land; ms. */
  landing: () => number;
  log: Log;
}

/** What came of one look at a switch: the state after it, and what it waits for. */
export interface Progress {
  state: ResourceState;
  waitsFor: string | null;
}

/**
 * Does the steps of switches. All it knows is in the control database, so any number of processes may coordinate the
 * same switch at the same time, and any of them may go on where another died (R10).
 */
export class Coordinator {
  private readonly options: CoordinatorOptions;

  constructor(options: CoordinatorOptions) {
    this.options = options;
  }

  /** Begins a switch to a neighbouring mode; null when somebody else changed the resource, or filled it, meanwhile. */
  async begin(state: ResourceState, to: Mode, actor: string): Promise<ResourceState | null> {
    const { database } = this.options;
    const budget = this.options.resource(state.resource)?.settings.switch.budget ?? 20_000;
    const begun = await database.transaction(async (sql) => {
      if (!(await lockForStep(sql, state.resource, state.epoch))) return null;
      if (await this.holdsOld(sql, state, to)) return null;
      const id = await beginSwitch(sql, { resource: state.resource, from: state.mode, to, actor });
      const change = beginStep(state, to, id, budget);
      const next = await stepResource(sql, state.resource, state.epoch, change);
      // A plain step is over with its one compare-and-set.
      if (change.stage === 'open') await endSwitch(sql, id, 'done');
      // Reads are counted anew by whoever compares from here on.
      if (to === 'shadow' && state.mode === 'dual-write') await resetComparisons(sql, state.resource);
      await writeAudit(sql, {
        actor,
        action: 'switch-started',
        resource: state.resource,
        details: { from: state.mode, to },
      });
      return next;
    });
    if (begun) reach('switch.drain');
    return begun;
  }

  /**
   * M6: whether new holds copies of an earlier time which are to be gone before this step. They were removed, but a sync
   * may have brought one since, e.g. as the parent of another resource's record; under the step's lock none is under way,
   * and from here on none comes (`holdLegacyPrimary`).
   */
  private async holdsOld(sql: Sql, { resource: name, mode }: ResourceState, to: Mode) {
    const step = stepBetween(mode, to);
    const resource = this.options.resource(name);
    if (!step || !resource || !emptiesNew(step) || !(await wasLed(sql, name))) return false;
    return (await resource.new.within(sql).scanKeys(null, 1)).length > 0;
  }

  /** Looks at a resource and does the next step of its switch, if it can be done now. */
  async advance(resource: ResourceName): Promise<Progress | null> {
    const state = await readState(this.options.database, resource);
    if (!state) return null;
    if (state.stage === 'open') return { state, waitsFor: null };
    const progress = await this.tryStep(state);
    if (progress?.waitsFor?.startsWith('replica')) await this.takeOffGone();
    return progress;
  }

  private async tryStep(state: ResourceState): Promise<Progress | null> {
    const { database, log } = this.options;
    const done = await database.transaction(async (sql) => {
      // The lock first, the situation after it: nothing that FOR SHARE protects can come between.
      if (!(await lockForStep(sql, state.resource, state.epoch))) return null;
      const situation = await readSituation(sql, state, MODES[state.mode].reads);
      const next = decideStep(state, situation);
      if (next.do === 'wait') return { state, waitsFor: next.for, next };
      if (next.name === 'switch') await this.prepareNextPrimary(sql, state.resource, next.change.primary);
      const after = await stepResource(sql, state.resource, state.epoch, next.change);
      if (state.switchId) await this.remember(sql, state, state.switchId, next);
      return { state: after ?? state, waitsFor: null, next };
    });
    if (!done) return null;
    if (done.next.do === 'step') {
      log.info(
        { resource: state.resource, step: done.next.name, epoch: done.state.epoch, mode: done.state.mode },
        'switch step',
      );
      if (done.state.stage === 'switch') reach('switch.switch');
      if (done.state.stage === 'open') reach('switch.open');
    }
    return { state: done.state, waitsFor: done.waitsFor };
  }

  private async remember(
    sql: Sql,
    state: ResourceState,
    switchId: string,
    next: NextStep & { do: 'step' },
  ): Promise<void> {
    if (next.name === 'switch') await noteDrained(sql, switchId);
    if (next.name === 'turn-round')
      await noteOnSwitch(sql, switchId, `turned round in ${state.stage}: its time was over`);
    if (!next.outcome) return;
    await endSwitch(sql, switchId, next.outcome);
    const details = { from: state.previousMode, to: state.nextMode, mode: next.change.mode };
    await writeAudit(sql, {
      actor: 'banyan',
      action: `switch-${next.outcome}`,
      resource: state.resource,
      details,
    });
  }

  /**
   * D3: between DRAIN and SWITCH the sequence of the side that becomes primary is set past the highest key. Under the
   * step's lock, after the drain: a key that was still being synced would be drawn a second time.
   */
  private async prepareNextPrimary(sql: Sql, name: ResourceName, primary: Side): Promise<void> {
    const resource = this.options.resource(name);
    const side = resource?.[primary];
    if (!resource?.mapping.keyFromSequence || !side?.store.capabilities.sequences) return;
    await this.prepareDrawnIds(sql, resource, primary);
    const { transactions } = side.store.capabilities;
    // M4: where legacy keeps records that new lacks, new must not draw their keys either.
    const past =
      primary === 'new' && resource.mapping.keys.length === 1
        ? await resource.legacy.table.highestKey()
        : null;
    await (transactions ? side.within(sql) : side).table.advanceSequence(past ?? undefined);
  }

  /** Where new cannot draw the integers of legacy, they are drawn beyond the highest of them. */
  private async prepareDrawnIds(sql: Sql, resource: BoundResource, primary: Side): Promise<void> {
    if (primary === 'legacy' || !resource.mapping.drawnForNew) return;
    await raiseIds(sql, resource.new.table.spec.name, (await resource.legacy.table.highestKey()) ?? '0');
  }

  /** R16: a replica whose process is gone for sure is taken off at once, so that it keeps nobody waiting. */
  private async takeOffGone(): Promise<void> {
    const { database, log } = this.options;
    for (const replica of await listReplicas(database)) {
      if (!isGone(replica)) continue;
      if (await takeOff(database, replica, this.options.landing())) {
        log.warn({ replica: replica.name, pid: replica.pid }, 'a replica has stopped without signing off');
        const details = { replica: replica.name, why: `process ${replica.pid} is gone` };
        await writeAudit(database, { actor: 'banyan', action: 'replica-taken-off', resource: null, details });
      }
    }
  }
}

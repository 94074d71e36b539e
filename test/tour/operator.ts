import { setTimeout as pause } from 'node:timers/promises';
import { type Binding, bindSnapshot, closeUnused, longestDeadline } from '../../src/app/bind.ts';
import { loadConfig } from '../../src/config/load.ts';
import { Coordinator } from '../../src/control/coordinator.ts';
import { Switching, refusalText } from '../../src/control/switching.ts';
import type { Mode, ResourceState } from '../../src/domain/words.ts';
import { createLog } from '../../src/observability/log.ts';
import type { BoundResource } from '../../src/replication/resource.ts';
import { verify } from '../../src/replication/verify.ts';
import { readBackfill, type VerifyRun } from '../../src/state/jobs.ts';
import { type Backlog, backlog } from '../../src/state/journal.ts';
import { countOpen } from '../../src/state/ledger.ts';
import { readState } from '../../src/state/resources.ts';
import { until } from '../harness/wait.ts';
import type { Endings } from './endings.ts';

/** Between two attempts to take a step that a guard refuses; ms. */
const ASK_AGAIN = 200;
const PATIENCE = 60_000;

/** Who moves the resource: what `banyan switch` and `banyan verify` do, without a process for each. */
export class Operator {
  readonly resource: BoundResource;
  private readonly binding: Binding;
  private readonly switching: Switching;

  private constructor(binding: Binding, resource: BoundResource) {
    this.binding = binding;
    this.resource = resource;
    const log = createLog(process.env.LOG_LEVEL === 'debug' ? 'info' : 'warn');
    const find = (name: string) => binding.resources.get(name);
    const landing = () => longestDeadline(binding.snapshot);
    const coordinator = new Coordinator({ database: binding.database, resource: find, landing, log });
    this.switching = new Switching(binding.database, coordinator, find);
  }

  static async open(
    endings: Endings,
    of: { file: string; env: Record<string, string>; resource: string },
  ): Promise<Operator> {
    const config = loadConfig(of);
    if (!config.ok) throw new Error(`${of.file} is wrong: ${JSON.stringify(config.problems)}`);
    const binding = await bindSnapshot(config.snapshot, () => undefined);
    endings.teardown(() => closeUnused(binding));
    return new Operator(binding, binding.resources.get(of.resource) as BoundResource);
  }

  /** Asks until the guards of the step let it pass. `onWait` hears, once each, what they wait for. */
  async switchTo(to: Mode, onWait: (reason: string) => void): Promise<void> {
    const end = Date.now() + PATIENCE;
    let last = '';
    for (;;) {
      const reason = await this.tryTo(to);
      if (reason === null) return;
      if (Date.now() > end) throw new Error(`The switch to ${to} was refused for a minute: ${reason}`);
      const kind = reason.replace(/\d+/g, 'n');
      if (kind !== last) onWait(reason);
      last = kind;
      await pause(ASK_AGAIN);
    }
  }

  /** Asks once; answers why the mode is not in force, or null. */
  async tryTo(to: Mode): Promise<string | null> {
    const { mode, refused, turnedRound } = await this.switching.walk({
      resource: this.resource.name,
      to,
      actor: 'tour',
      source: 'command',
      forced: new Map(),
    });
    if (mode === to) return null;
    return turnedRound ? `it turned round: ${turnedRound}` : refusalText(refused?.answers ?? []);
  }

  async state(): Promise<ResourceState> {
    return (await readState(this.binding.database, this.resource.name)) as ResourceState;
  }

  /** Waits until a mode is in force, whoever moves the resource there. */
  async whenIn(mode: Mode): Promise<void> {
    const arrived = async () => {
      const state = await this.state();
      return state.mode === mode && state.stage === 'open';
    };
    await until(arrived, { what: `${this.resource.name} is in mode ${mode}`, timeout: PATIENCE });
  }

  /** Waits until everything was copied since the last entry into `dual-write`. */
  async whenFilled(): Promise<void> {
    const filled = async () => {
      const { generation } = await this.state();
      return (await readBackfill(this.binding.database, this.resource.name, generation))?.status === 'done';
    };
    await until(filled, { what: 'the backfill is complete', timeout: PATIENCE });
  }

  async backlog(): Promise<Backlog> {
    return await backlog(this.binding.database, this.resource.name);
  }

  /** Waits for a while until the journal is empty; answers the marks that are left. */
  async marksLeft(): Promise<number> {
    const empty = async () => (await this.backlog()).marks === 0;
    await until(empty, { what: 'no mark is left', timeout: 20_000, every: 50 }).catch(() => undefined);
    return (await this.backlog()).marks;
  }

  /** Compares everything; answers how many records differ, those included that earlier comparisons left open. */
  async differences(): Promise<number> {
    const { database } = this.binding;
    const { generation } = await this.state();
    const run = await until(async () => await verify(this.resource, { generation }), {
      what: 'no other verify runs',
      timeout: PATIENCE,
    });
    const { unsettled } = run satisfies VerifyRun;
    return Math.max(run.differences, await countOpen(database, this.resource.name)) + unsettled;
  }
}

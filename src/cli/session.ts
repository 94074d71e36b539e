import { bindSnapshot, closeUnused, longestDeadline, type Binding, type Notice } from '../app/bind.ts';
import { loadConfig } from '../config/load.ts';
import { nearest } from '../config/suggest.ts';
import { Coordinator } from '../control/coordinator.ts';
import { Switching } from '../control/switching.ts';
import type { Snapshot } from '../domain/configuration.ts';
import { BanyanError } from '../domain/errors.ts';
import type { ResourceName, ResourceState } from '../domain/words.ts';
import type { Log } from '../observability/log.ts';
import type { BoundResource } from '../replication/resource.ts';
import { Syncer } from '../replication/syncer.ts';
import { pendingControlMigrations } from '../state/migrate.ts';
import { readState, readStates } from '../state/resources.ts';
import type { Invocation } from './command.ts';
import { EXIT } from './exit-codes.ts';
import { CliError, ConfigurationWrong } from './failure.ts';
import type { Terminal } from './terminal.ts';

/** How often this process looks where resources are while it works off journals; ms. */
const POLL = 50;

/** The file, valid, or every mistake of it. */
export function readSnapshot({ file, env }: Pick<Invocation, 'file' | 'env'>): Snapshot {
  const config = loadConfig({ file, env });
  if (!config.ok) throw new ConfigurationWrong(file, config.problems);
  return config.snapshot;
}

/**
 * One command's connection to everything. The process is no replica: it takes no requests and acknowledges nothing. It
 * may coordinate switches and work off journals like any other, so that the road can be walked where no gateway runs.
 */
export class Session {
  readonly binding: Binding;
  readonly switching: Switching;
  private readonly log: Log;
  private readonly states = new Map<ResourceName, ResourceState>();
  private readonly syncers = new Map<ResourceName, Syncer>();
  private timer: NodeJS.Timeout | undefined;
  private polling: Promise<void> | null = null;
  private closed = false;

  private constructor(binding: Binding, log: Log) {
    this.binding = binding;
    this.log = log;
    const resource = (name: ResourceName) => binding.resources.get(name);
    const coordinator = new Coordinator({
      database: binding.database,
      resource,
      landing: () => this.landing,
      log,
    });
    this.switching = new Switching(binding.database, coordinator, resource);
  }

  /** Opens a session for a piece of work and closes it, however that ends. */
  static async with<T>(invocation: Invocation, work: (session: Session) => Promise<T>): Promise<T> {
    const session = await Session.open(invocation);
    try {
      return await work(session);
    } finally {
      await session.close();
    }
  }

  /** Binds the file. Fails where the control schema is missing: the gateway or `banyan migrate` makes it. */
  static async open(invocation: Invocation): Promise<Session> {
    const log = remarks(invocation.terminal);
    const notice: Notice = ({ message, details: _, ...of }) => log.warn(of, message);
    const session = new Session(await bindSnapshot(readSnapshot(invocation), notice), log);
    try {
      const pending = await pendingControlMigrations(session.database);
      if (pending.length > 0) throw notMigrated(`the control database lacks ${pending.join(', ')}`);
      return session;
    } catch (error) {
      await session.close();
      throw error;
    }
  }

  get database(): Binding['database'] {
    return this.binding.database;
  }

  /** A1: after so many ms nothing that a stopped process sent can land any more. */
  get landing(): number {
    return longestDeadline(this.binding.snapshot);
  }

  /** A resource of the file. */
  resource(name: ResourceName): BoundResource {
    const { resources, snapshot } = this.binding;
    const resource = resources.get(name);
    if (resource) return resource;
    const names = [...resources.keys()];
    const near = nearest(name, names);
    const hint = near ? `; did you mean ${near}?` : `; it has ${names.join(', ')}`;
    throw new BanyanError('unknown-resource', `${snapshot.file} names no resource "${name}"${hint}`);
  }

  /** Where a resource of the file is now. */
  async state(name: ResourceName): Promise<ResourceState> {
    const state = await readState(this.database, this.resource(name).name);
    if (!state) throw notMigrated(`the control database does not know the resource "${name}" yet`);
    return state;
  }

  /** Begins to work off the journals of all resources: a drain ends, and parents are synced, without a gateway too. */
  async workOff(): Promise<void> {
    await this.poll();
    for (const resource of this.binding.resources.values()) {
      const state = () => this.states.get(resource.name);
      const syncer = new Syncer({
        resource,
        state,
        syncerOf: (name) => this.syncers.get(name),
        log: this.log,
      });
      this.syncers.set(resource.name, syncer);
      syncer.start();
    }
    this.plan();
  }

  /** After `workOff`. */
  syncer(name: ResourceName): Syncer {
    return this.syncers.get(name) as Syncer;
  }

  async close(): Promise<void> {
    this.closed = true;
    clearTimeout(this.timer);
    await this.polling;
    await Promise.all([...this.syncers.values()].map((syncer) => syncer.close()));
    await closeUnused(this.binding);
  }

  private plan(): void {
    if (this.closed) return;
    this.timer = setTimeout(() => {
      this.polling = this.poll()
        .catch((error: unknown) =>
          this.log.debug({ error: (error as Error).message }, 'no look at the control database'),
        )
        .finally(() => this.plan());
    }, POLL);
  }

  private async poll(): Promise<void> {
    for (const state of await readStates(this.database)) {
      const before = this.states.get(state.resource);
      // R18: an older state than the one acted under is ignored.
      if (before && before.epoch >= state.epoch) continue;
      this.states.set(state.resource, state);
      this.syncers.get(state.resource)?.sweepSoon();
    }
  }
}

function notMigrated(message: string): CliError {
  return new CliError(
    EXIT.failed,
    'not-migrated',
    message,
    'Run "banyan migrate", or start the gateway with this file once.',
  );
}

/** Warnings of the layers below, as remarks on standard error. */
function remarks(terminal: Terminal): Log {
  const say = (details: object, message: string) => {
    const shown = Object.entries(details).map(([name, value]) => `${name} ${String(value)}`);
    terminal.remark(`${message} (${shown.join(', ')})`);
  };
  return { debug() {}, info() {}, warn: say, error: say };
}

import { MODES } from '../domain/modes.ts';
import type { Database } from '../domain/sql.ts';
import type { Log } from '../observability/log.ts';
import { Listener } from '../postgres/listener.ts';
import type { BoundResource } from '../replication/resource.ts';
import type { Syncer } from '../replication/syncer.ts';
import { forgetOldAttempts } from '../state/idempotency.ts';
import { contestName, heartbeat, rivalOf, type ReplicaIdentity } from '../state/replicas.ts';
import type { Coordinator } from './coordinator.ts';
import { Jobs } from './jobs.ts';
import type { Requests } from './requests.ts';
import type { Routes } from './routes.ts';

export interface LoopOptions {
  database: Database;
  /** URL of the control database, for LISTEN. */
  url: string;
  identity: ReplicaIdentity;
  routes: Routes;
  coordinator: Coordinator;
  requests: Requests;
  /** The resources of the snapshot in force, with their syncers. */
  resources: () => Iterable<{ resource: BoundResource; syncer: Syncer }>;
  log: Log;
}

/** Milliseconds. Notifications wake the loop at once; these are for when none comes. */
const EVERY = { moving: 20, resting: 500, chores: 400, heartbeat: 2_000, cleaning: 3_600_000 } as const;

/** What a replica does beside requests: takes new states, moves switches on, pursues what files ask for, offers itself for jobs. */
export class ControlLoop {
  private readonly options: LoopOptions;
  private readonly listener: Listener;
  private readonly jobs: Jobs;
  private timer: NodeJS.Timeout | undefined;
  private looking: Promise<void> | null = null;
  private again = false;
  private pursuing: Promise<void> | null = null;
  private readonly lastAt = { chores: -Infinity, heartbeat: -Infinity, cleaning: performance.now() };
  private closed = false;
  /** The process of the same name that was last found. */
  private rival: string | null = null;
  /** Whether the last look reached the control database. */
  connected = true;

  constructor(options: LoopOptions) {
    this.options = options;
    this.jobs = new Jobs(options.log);
    this.listener = new Listener({
      url: options.url,
      channel: 'banyan',
      onNotice: () => this.lookNow(),
      onResync: () => this.lookNow(),
      onState: (up, reason) =>
        options.log[up ? 'info' : 'warn'](
          { reason },
          up ? 'listening for switches' : 'not listening; polling goes on',
        ),
    });
  }

  start(): void {
    this.listener.start();
    this.lookNow();
  }

  /** Stops looking, signs off, and hands over what is under way. Requests must have ended before. */
  async close(): Promise<void> {
    this.closed = true;
    clearTimeout(this.timer);
    await this.listener.close();
    await this.looking;
    // Before the rest: a switch that this process pursues would wait for its own acknowledgement, which nobody gives now.
    await this.options.routes.signOff().catch(() => undefined);
    await this.jobs.close();
    await this.pursuing;
  }

  /** Something was asked for: the next look does its chores too. */
  choresNow(): void {
    this.lastAt.chores = -Infinity;
    this.lookNow();
  }

  /** Looks at the control database as soon as possible. */
  lookNow(): void {
    if (this.closed) return;
    if (this.looking) {
      this.again = true;
      return;
    }
    clearTimeout(this.timer);
    this.looking = this.look().finally(() => {
      this.looking = null;
      if (this.closed) return;
      const delay = this.again ? 0 : this.options.routes.moving ? EVERY.moving : EVERY.resting;
      this.again = false;
      this.timer = setTimeout(() => this.lookNow(), delay);
    });
  }

  private async look(): Promise<void> {
    const { routes, coordinator, log } = this.options;
    try {
      await routes.refresh();
      for (const { resource } of this.options.resources()) {
        if ((routes.state(resource.name)?.stage ?? 'open') !== 'open')
          await coordinator.advance(resource.name);
      }
      await this.doChores();
      if (!this.connected) log.info({}, 'the control database answers again');
      this.connected = true;
    } catch (error) {
      if (this.connected)
        log.warn({ error: (error as Error).message }, 'the control database does not answer');
      this.connected = false;
    }
  }

  private async doChores(): Promise<void> {
    const { database, identity, routes, resources } = this.options;
    if (this.isDue('heartbeat') && !(await heartbeat(database, identity))) await this.registerAgain();
    if (!this.isDue('chores')) return;
    this.pursuing ??= this.pursue().finally(() => (this.pursuing = null));
    for (const { resource, syncer } of resources()) {
      const state = routes.state(resource.name);
      if (state && MODES[state.mode].marks) this.jobs.offer(resource, state, syncer);
    }
    if (this.isDue('cleaning')) await forgetOldAttempts(database);
  }

  /**
   * Somebody took this replica off: it is a stranger until it registers again (R17). If that was another process of the
   * same name, it will do the same: neither can be relied on, and no switch that needs its word ends well.
   */
  private async registerAgain(): Promise<void> {
    const { database, identity, routes, log } = this.options;
    const rival = await rivalOf(database, identity);
    await routes.register();
    if (!rival) return;
    await contestName(database, identity);
    const other = `${rival.host} ${rival.pid}`;
    if (other === this.rival) return;
    this.rival = other;
    log.error(
      { replica: identity.name, other },
      'another process has the same replica name, and they take each other off; give each its own server.replica',
    );
  }

  private async pursue(): Promise<void> {
    await this.options.requests.pursue().catch((error: unknown) => {
      this.options.log.debug({ error: (error as Error).message }, 'a wanted mode could not be pursued');
    });
  }

  private isDue(what: keyof typeof this.lastAt): boolean {
    const now = performance.now();
    if (now - this.lastAt[what] < EVERY[what]) return false;
    this.lastAt[what] = now;
    return true;
  }
}

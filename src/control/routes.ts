import { BanyanError } from '../domain/errors.ts';
import { MODES } from '../domain/modes.ts';
import type { Database } from '../domain/sql.ts';
import type { ResourceName, ResourceState, Route as ReadRoute } from '../domain/words.ts';
import { reach } from '../observability/failpoints.ts';
import type { Log } from '../observability/log.ts';
import { acknowledge, registerReplica, signOff, type ReplicaIdentity } from '../state/replicas.ts';
import { readStates } from '../state/resources.ts';
import { reportPause } from '../state/switches.ts';
import { HeldWrites } from './held-writes.ts';

/** A write that has begun under a state; `end` must be called once it is over. */
export interface WritePermit {
  readonly state: ResourceState;
  /** `landsWithin` (ms): the write has no answer and may still land until then; only its marks or its absence can tell. */
  end(landsWithin?: number): void;
}

/** What this replica acts under for one resource. */
interface Route {
  state: ResourceState;
  /** The route that C knows this replica to have (R13). */
  acked: ReadRoute | null;
  /** Reads wait while the acknowledgement of another route is not committed (R13). */
  readsStopped: boolean;
  /** Writes under way that have no mark (modes `legacy` and `split`): R19 and M1 wait for them. */
  unmarked: number;
  held: HeldWrites;
}

export interface RoutesOptions {
  database: Database;
  identity: ReplicaIdentity;
  landing: () => number;
  log: Log;
  /** A resource has another state than before. */
  onChange: (state: ResourceState) => void;
}

const WRITABLE = new Set(['open', 'enter']);

/** Whether a switch waits until no replica writes without a mark any more (R19, M1). */
function endsUnmarked({ stage, mode }: ResourceState): boolean {
  return stage === 'enter' || (stage === 'drain' && MODES[mode].unmarked);
}

/**
 * The replica's side of every switch: it knows what it may read and write, holds what it may not, and acknowledges.
 * One snapshot of all resources at a time; a lower epoch is ignored (R18).
 */
export class Routes {
  private readonly options: RoutesOptions;
  private readonly routes = new Map<ResourceName, Route>();
  private changed: (() => void)[] = [];
  private refreshing: Promise<void> | null = null;
  private signedOff = false;

  constructor(options: RoutesOptions) {
    this.options = options;
  }

  /** R17: the registration is the acknowledgement of everything that it has read. */
  async register(): Promise<void> {
    const { database, identity, landing } = this.options;
    for (const route of this.routes.values()) route.readsStopped = true;
    for (const state of await registerReplica(database, identity, landing(), this.writesUnmarked)) {
      const route = this.routes.get(state.resource);
      const acked = MODES[state.mode].reads;
      // R18: a step that was made since may have been taken and acknowledged already, by another look.
      if (route && state.epoch < route.state.epoch) continue;
      if (route) Object.assign(route, { state, acked, readsStopped: false });
      else
        this.routes.set(state.resource, {
          state,
          acked,
          readsStopped: false,
          unmarked: 0,
          held: new HeldWrites(),
        });
      this.options.onChange(state);
    }
    this.wakeAll();
  }

  /** Takes no more writes and signs off. Unmarked writes that are still under way keep a backfill waiting (R19). */
  async signOff(): Promise<void> {
    const { database, identity, landing } = this.options;
    this.signedOff = true;
    await signOff(database, identity, this.writesUnmarked ? landing() : 0);
  }

  private get writesUnmarked(): boolean {
    return [...this.routes.values()].some((route) => route.unmarked > 0);
  }

  /** Reads every state and moves on to what is newer. Calls that come while one runs share the next one. */
  async refresh(): Promise<void> {
    this.refreshing ??= this.readAll().finally(() => (this.refreshing = null));
    await this.refreshing;
  }

  /** What this replica knows of a resource, whether or not it may read now. */
  state(resource: ResourceName): ResourceState | undefined {
    return this.routes.get(resource)?.state;
  }

  /** Whether a switch is under way somewhere: then every look is worth it. */
  get moving(): boolean {
    return [...this.routes.values()].some(
      ({ state, readsStopped }) => state.stage !== 'open' || readsStopped,
    );
  }

  /** The state that a read acts under; waits while reads are stopped (R13), at most `patience` ms. */
  async beginRead(resource: ResourceName, patience: number): Promise<ResourceState> {
    const route = this.routes.get(resource);
    if (route && !route.readsStopped) return route.state;
    await this.waitUntil(() => this.routes.get(resource)?.readsStopped === false, patience, resource);
    return (this.routes.get(resource) as Route).state;
  }

  /** The state that a write acts under; held while the resource takes none (R11), at most `patience` ms (R15). */
  async beginWrite(resource: ResourceName, patience: number): Promise<WritePermit> {
    if (!this.takesWrites(resource)) await this.hold(resource, patience);
    const route = this.routes.get(resource) as Route;
    const { state } = route;
    const marked = !MODES[state.mode].unmarked;
    if (!marked) route.unmarked += 1;
    let ended = false;
    const end = (landsWithin = 0) => {
      if (ended || marked) return;
      ended = true;
      if (landsWithin > 0) setTimeout(() => this.endUnmarked(route), landsWithin).unref();
      else this.endUnmarked(route);
    };
    return { state, end };
  }

  private takesWrites(resource: ResourceName): boolean {
    const route = this.routes.get(resource);
    return route !== undefined && WRITABLE.has(route.state.stage) && !route.readsStopped && !this.signedOff;
  }

  private async hold(resource: ResourceName, patience: number): Promise<void> {
    const held = this.routes.get(resource)?.held;
    const since = performance.now();
    try {
      await this.waitUntil(() => this.takesWrites(resource), patience, resource);
      held?.released(performance.now() - since);
    } catch (error) {
      held?.failed(performance.now() - since);
      throw error;
    }
  }

  private endUnmarked(route: Route): void {
    route.unmarked -= 1;
    if (route.unmarked === 0 && endsUnmarked(route.state)) void this.acknowledge(route);
  }

  private async readAll(): Promise<void> {
    const states = await readStates(this.options.database);
    await Promise.all(states.map(async (state) => await this.take(state)));
  }

  private async take(state: ResourceState): Promise<void> {
    const route = this.routes.get(state.resource) ?? this.newRoute(state);
    // R18: an older state than the one acted under is ignored.
    if (state.epoch < route.state.epoch) return;
    const isNew = state.epoch > route.state.epoch;
    // R13: reads of another route wait until C knows.
    if (MODES[state.mode].reads !== route.acked) route.readsStopped = true;
    route.state = state;
    if (isNew) {
      if (state.switchId) route.held.of(state.switchId);
      this.options.onChange(state);
    }
    if (!route.readsStopped) this.wakeAll();
    if (isNew && state.stage === 'open') this.reportSoon(route);
    if (!isNew && !route.readsStopped && !endsUnmarked(state)) return;
    // R19, M1: only when no unmarked write is under way.
    if (endsUnmarked(state) && route.unmarked > 0) return;
    await this.acknowledge(route);
  }

  private newRoute(state: ResourceState): Route {
    const route = { state, acked: null, readsStopped: true, unmarked: 0, held: new HeldWrites() };
    this.routes.set(state.resource, route);
    this.options.onChange(state);
    return route;
  }

  private async acknowledge(route: Route): Promise<void> {
    const { database, identity, log } = this.options;
    const state = route.state;
    try {
      const committed = await acknowledge(database, identity, state);
      if (!committed || route.state !== state) return;
      reach('switch.acked');
      route.acked = MODES[state.mode].reads;
      route.readsStopped = false;
      this.wakeAll();
    } catch (error) {
      log.debug(
        { resource: state.resource, error: (error as Error).message },
        'the acknowledgement was not committed',
      );
    }
  }

  /** A moment later, when the writes that were held have gone on and counted themselves. */
  private reportSoon(route: Route): void {
    setTimeout(() => void this.report(route), 100).unref();
  }

  private async report(route: Route): Promise<void> {
    const pause = route.held.take();
    if (!pause) return;
    const { database, identity, log } = this.options;
    await reportPause(database, pause.switchId, { ...pause.pause, replica: identity.name }).catch(
      (error: unknown) => {
        log.debug({ error: (error as Error).message }, 'the pause of a switch could not be reported');
      },
    );
  }

  private wakeAll(): void {
    const changed = this.changed;
    this.changed = [];
    for (const wake of changed) wake();
  }

  private async waitUntil(holds: () => boolean, patience: number, resource: ResourceName): Promise<void> {
    const until = performance.now() + patience;
    while (!holds()) {
      const left = until - performance.now();
      if (left <= 0) throw this.outOfPatience(resource);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.changed.push(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
  }

  private outOfPatience(resource: ResourceName): BanyanError {
    const route = this.routes.get(resource);
    if (this.signedOff) return new BanyanError('not-ready', 'the gateway is shutting down; nothing was sent');
    if (!route) return new BanyanError('not-ready', `the gateway does not know yet where ${resource} lives`);
    return new BanyanError(
      'switching',
      `${resource} is being switched (${route.state.stage}); nothing was sent`,
    );
  }
}

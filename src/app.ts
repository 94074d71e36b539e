import { hostname } from 'node:os';
import type { FastifyInstance } from 'fastify';
import { bindSnapshot, closeUnused, longestDeadline, type Binding } from './app/bind.ts';
import { FileInForce } from './app/file-in-force.ts';
import { hasNewTables, migrateAll } from './app/migrate.ts';
import { servicesOf } from './app/operations.ts';
import { Coordinator } from './control/coordinator.ts';
import { ControlLoop } from './control/loop.ts';
import { identify } from './control/presence.ts';
import { Requests } from './control/requests.ts';
import { Routes } from './control/routes.ts';
import { Switching } from './control/switching.ts';
import type { OperationSettings, ServerSettings, Snapshot } from './domain/configuration.ts';
import { AnswerCache } from './gateway/cache.ts';
import { Matcher } from './gateway/match.ts';
import { OperationComparer } from './gateway/operation-comparer.ts';
import type { BoundOperation } from './gateway/operations.ts';
import { connectRedis, ownerOf } from './gateway/redis.ts';
import type { ResourceRuntime } from './gateway/runtime.ts';
import { createGateway } from './gateway/server.ts';
import type { Log } from './observability/log.ts';
import { Comparer } from './replication/comparer.ts';
import type { BoundResource } from './replication/resource.ts';
import { Syncer } from './replication/syncer.ts';
import { registerResources } from './state/resources.ts';

/** Between two attempts to reach the control database at the start; ms. */
const RETRY = 1_000;
/** Of the time for a shutdown, what is left for signing off when requests do not end; ms. */
const SIGN_OFF = 3_000;

/**
 * One gateway process, composed. Read this first:
 * a snapshot of the configuration is bound to stores (app/bind.ts); the HTTP server matches requests against it
 * (gateway/); `Routes` knows where each resource is and holds what must wait (control/); a `Syncer` per resource works
 * off the journal (replication/); the `ControlLoop` does the rest.
 */
export class App {
  private readonly log: Log;
  private readonly startedWith: ServerSettings;
  private binding: Binding;
  private matcher: Matcher;
  private readonly runtimes = new Map<string, ResourceRuntime>();
  private server: FastifyInstance | null = null;
  private control: { routes: Routes; loop: ControlLoop; requests: Requests; replica: string } | null = null;
  private registered = false;
  private stopping = false;
  private answers: AnswerCache | null = null;
  private startTimer: NodeJS.Timeout | undefined;
  private readonly comparer: OperationComparer;
  private readonly file: FileInForce;
  /** Where an operation's request may still need the snapshot that it began with. */
  private readonly bindingOf = new WeakMap<OperationSettings, Binding>();

  private constructor(binding: Binding, log: Log) {
    this.binding = binding;
    this.log = log;
    this.startedWith = binding.snapshot.server;
    this.matcher = this.matcherOf(binding);
    this.comparer = new OperationComparer(() => this.binding.database, log);
    this.file = new FileInForce({
      snapshot: () => this.binding.snapshot,
      swap: async (snapshot) => await this.swap(snapshot),
      requests: () => (this.registered && this.control ? this.control.requests : null),
      onNoted: () => this.control?.loop.choresNow(),
      log,
    });
  }

  /** Opens the port, then registers: the port proves that an earlier process of this name has stopped (R17). */
  static async start(snapshot: Snapshot, log: Log): Promise<App> {
    const notice = storeNotice(log);
    const app = new App(await bindSnapshot(snapshot, notice), log);
    try {
      await app.listen();
    } catch (error) {
      await closeUnused(app.binding);
      throw error;
    }
    return app;
  }

  /** Base URL of the gateway. */
  get url(): string {
    const { host } = this.binding.snapshot.server;
    return `http://${host.includes(':') ? `[${host}]` : host}:${this.port}`;
  }

  /** The port in use, also where the configuration left it to the system. */
  get port(): number {
    const address = this.server?.addresses()[0];
    return typeof address === 'object' ? address.port : 0;
  }

  /** Resolves when requests are served: migrated and registered. */
  async whenReady(): Promise<void> {
    while (!this.registered && !this.stopping) await new Promise((resolve) => setTimeout(resolve, 10));
  }

  get ready(): boolean {
    return this.registered && !this.stopping;
  }

  /**
   * Takes another configuration, as one snapshot, between requests. Where it cannot be bound, nothing changes and that is
   * reported like a wrong file; while the control database is away, it waits for it.
   */
  async reload(snapshot: Snapshot): Promise<void> {
    await this.file.take(snapshot);
  }

  /** This replica's file is wrong: shown in status and log; the snapshot in force stays. */
  async refuseFile(hash: string, problems: readonly string[]): Promise<void> {
    await this.file.refuse(hash, problems);
  }

  /** Lets requests end, works off what is under way, signs off. */
  async stop(): Promise<void> {
    this.stopping = true;
    clearTimeout(this.startTimer);
    await this.file.close();
    await this.endRequests();
    await this.comparer.close();
    await Promise.all([...this.runtimes.values()].map((runtime) => closeRuntime(runtime)));
    await this.control?.loop.close();
    await closeUnused(this.binding);
  }

  /** An event stream never ends by itself; a replica that is killed for it would leave others waiting. */
  private async endRequests(): Promise<void> {
    const patience = Math.max(0, this.startedWith.shutdown - SIGN_OFF);
    const timer = setTimeout(() => {
      this.log.warn({}, 'requests that did not end are cut, so that the gateway can stop in order');
      this.server?.server.closeAllConnections();
    }, patience);
    await this.server?.close();
    clearTimeout(timer);
  }

  private async listen(): Promise<void> {
    const { server } = this.binding.snapshot;
    const redis = await connectRedis(server.redis, this.log);
    const owner = ownerOf(this.binding.control.url);
    this.answers = new AnswerCache(redis, owner, () => this.cached(), this.log);
    this.server = await createGateway({
      owner,
      server,
      redis,
      stores: () => [...this.binding.stores.values()],
      services: () => servicesOf(this.binding.operations),
      matcher: () => this.matcher,
      runtimeOf: ({ resource }) => this.runtimeOf(resource),
      operationOf: ({ operation }) => this.bindOperation(operation),
      ready: () => this.ready,
    });
    await this.server.listen({ host: server.host, port: server.port });
    this.connectControl(server.replica ?? `${hostname()}:${this.port}`);
    this.begin();
  }

  /** Resources whose answers are kept. */
  private cached(): string[] {
    const { resources } = this.binding.snapshot;
    return resources.filter(({ cache }) => cache !== null).map(({ name }) => name);
  }

  /** With the settings that the request began with, whatever has come into force since. */
  private runtimeOf(resource: BoundResource): ResourceRuntime | undefined {
    const runtime = this.registered ? this.runtimes.get(resource.name) : undefined;
    return runtime && runtime.resource !== resource ? { ...runtime, resource } : runtime;
  }

  private bindOperation(settings: OperationSettings): BoundOperation | undefined {
    const binding = this.bindingOf.get(settings);
    const sides = binding?.operations.get(settings.name);
    const runtimes = settings.resources
      .map((name) => binding?.resources.get(name))
      .map((resource) => resource && this.runtimeOf(resource))
      .filter((runtime) => runtime !== undefined);
    if (!this.registered || !binding || !sides) return undefined;
    return { settings, sides, runtimes, database: binding.database, comparer: this.comparer };
  }

  private matcherOf(binding: Binding): Matcher {
    for (const operation of binding.snapshot.operations) this.bindingOf.set(operation, binding);
    return new Matcher(binding.snapshot, binding.resources.values(), binding.faces, binding.tokens);
  }

  /** A resource in mode legacy needs no control database, but where resources are must have been read once. */
  private begin(): void {
    this.file
      .inTurn(async () => await this.register())
      .catch((error: unknown) => {
        this.log.warn({ error: (error as Error).message }, 'the control database is not ready; trying again');
        if (!this.stopping) this.startTimer = setTimeout(() => this.begin(), RETRY);
      });
  }

  private async register(): Promise<void> {
    const { control } = this;
    if (!control) return;
    await this.prepare(this.binding);
    await control.routes.register();
    if (this.stopping) return;
    this.registered = true;
    await this.file.note();
    control.loop.start();
    this.log.info({ replica: control.replica, at: this.url }, 'serving');
  }

  private async prepare(binding: Binding): Promise<void> {
    const report = await migrateAll(binding);
    if (report.models.length + report.control.length + report.captured.length > 0)
      this.log.info({ ...report }, 'migrated');
    await registerResources(binding.database, [...binding.resources.keys()]);
  }

  private connectControl(replica: string): void {
    const { log } = this;
    const { database, control } = this.binding;
    const landing = () => longestDeadline(this.binding.snapshot);
    const resource = (name: string) => this.binding.resources.get(name);
    const identity = identify(replica);
    const onChange = ({ resource: name }: { resource: string }) =>
      this.runtimes.get(name)?.syncer.sweepSoon();
    const routes = new Routes({ database, identity, landing, log, onChange });
    const coordinator = new Coordinator({ database, resource, landing, log });
    const requests = new Requests(database, new Switching(database, coordinator, resource), replica, log);
    const resources = () => this.runtimes.values();
    const loop = new ControlLoop({
      database,
      url: control.url,
      identity,
      routes,
      coordinator,
      requests,
      resources,
      log,
    });
    this.control = { routes, loop, requests, replica };
    this.openRuntimes(this.binding);
  }

  private openRuntimes(binding: Binding): void {
    const { control, log, answers } = this;
    if (!control || !answers) return;
    for (const resource of binding.resources.values()) {
      const present = this.runtimes.get(resource.name);
      if (present?.resource === resource) continue;
      if (present) void closeRuntime(present);
      const state = () => control.routes.state(resource.name);
      const syncer = new Syncer({
        resource,
        state,
        syncerOf: (name) => this.runtimes.get(name)?.syncer,
        log,
      });
      const comparer = new Comparer(resource, state, log);
      this.runtimes.set(resource.name, {
        resource,
        routes: control.routes,
        syncer,
        comparer,
        answers,
        peer: (name) => this.runtimes.get(name),
        log,
        replica: control.replica,
      });
      syncer.start();
    }
  }

  private async swap(snapshot: Snapshot): Promise<void> {
    const before = this.binding;
    const next = await bindSnapshot(snapshot, storeNotice(this.log), before);
    if (next.database !== before.database) {
      await closeUnused(next, before);
      throw new Error('the control store cannot be changed while the gateway runs; restart it');
    }
    // Tables and rows of resources that are new; the ones that there were are as they are.
    if (this.registered && hasNewTables(next, before)) {
      const prepared = this.prepare(next).then(async () => await this.control?.routes.refresh());
      await prepared.catch(async (error: unknown) => {
        await closeUnused(next, before);
        throw error;
      });
    }
    this.binding = next;
    this.openRuntimes(next);
    // In the same turn: every new request sees the new table, and none sees half of each.
    this.matcher = this.matcherOf(next);
    this.warnOfRestart(snapshot);
    this.log.info({ hash: snapshot.hash.slice(0, 12) }, 'another configuration is in force');
    // Requests that began before still use the old stores, and resources that are gone.
    setTimeout(() => {
      void closeUnused(before, this.binding);
      this.closeGone();
    }, longestDeadline(before.snapshot)).unref();
  }

  private closeGone(): void {
    for (const [name, runtime] of this.runtimes) {
      if (this.binding.resources.has(name)) continue;
      this.runtimes.delete(name);
      void closeRuntime(runtime);
    }
  }

  private warnOfRestart({ server }: Snapshot): void {
    const names = (Object.keys(server) as (keyof ServerSettings)[]).filter(
      (name) => server[name] !== this.startedWith[name],
    );
    if (names.length > 0)
      this.log.warn({ settings: names.map((name) => `server.${name}`) }, 'takes effect at the next start');
  }
}

async function closeRuntime({ syncer, comparer }: ResourceRuntime): Promise<void> {
  await comparer.close();
  await syncer.close();
}

function storeNotice(log: Log) {
  return ({
    store,
    message,
    details,
  }: {
    store: string;
    message: string;
    details?: Record<string, unknown>;
  }) => log.warn({ store, ...details }, message);
}

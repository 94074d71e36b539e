import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { withClient } from '../src/quickstart/accounts.ts';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../src/quickstart/embedded-postgres.ts';
import { ROOT } from '../test/harness/postgres.ts';

/** A process under test. */
export interface Server {
  url: string;
  pid: number;
}

/** Where a bench runs: a durable Postgres of its own in a temporary folder, and processes that end with it. */
export class Place {
  readonly #ends: (() => unknown)[] = [];
  readonly #postgres: EmbeddedPostgres;
  #databases = 0;

  private constructor(postgres: EmbeddedPostgres) {
    this.#postgres = postgres;
  }

  static async open(): Promise<Place> {
    // Not made here: as root, the server runs as another user, who must be able to enter it.
    const folder = join(tmpdir(), `banyan-bench-${process.pid}`);
    const postgres = await startEmbeddedPostgres({
      folder,
      use: 'exclusive',
      // Memory for what is measured, as databases of that size have; Postgres' default is 128 MB.
      settings: { max_connections: '200', max_wal_size: '4GB', shared_buffers: '2GB' },
      log: () => undefined,
    });
    const place = new Place(postgres);
    place.teardown(async () => {
      await postgres.stop();
      await rm(folder, { recursive: true, force: true });
    });
    return place;
  }

  /** To be done at the end, last come first; the same word as tap's, so that the tests' harness can be used. */
  teardown(end: () => unknown): void {
    this.#ends.push(end);
  }

  /** What is begun inside ends with it, before the place does. */
  async inside<T>(work: (place: Place) => Promise<T>): Promise<T> {
    const room = new Place(this.#postgres);
    room.#databases = this.#databases;
    try {
      return await work(room);
    } finally {
      await room.close();
      this.#databases = room.#databases;
    }
  }

  async close(): Promise<void> {
    for (const end of this.#ends.splice(0).reverse()) await end();
  }

  /** URL of a new, empty database. */
  async database(): Promise<string> {
    this.#databases += 1;
    const name = `bench_${this.#databases}`;
    await withClient(this.#postgres.url('postgres'), (client) => client.query(`CREATE DATABASE ${name}`));
    this.teardown(() =>
      withClient(this.#postgres.url('postgres'), (client) =>
        client.query(`DROP DATABASE ${name} WITH (FORCE)`),
      ),
    );
    return this.#postgres.url(name);
  }

  /** Starts a server of bench/servers in a process of its own and waits until it listens. */
  async server(name: string, env: Record<string, string> = {}): Promise<Server> {
    const child = this.#fork(`bench/servers/${name}.ts`, env);
    const [{ url }] = (await answerOf(child)) as [{ url: string }];
    this.teardown(() => end(child));
    return { url, pid: child.pid as number };
  }

  /** Runs a job of bench/jobs in a process of its own, and answers what it found. */
  async job<T>(name: string, input: object, env: Record<string, string> = {}): Promise<T> {
    const child = this.#fork(`bench/jobs/${name}.ts`, { ...env, JOB: JSON.stringify(input) });
    try {
      return ((await answerOf(child)) as [T])[0];
    } finally {
      await end(child);
    }
  }

  #fork(file: string, env: Record<string, string>): ChildProcess {
    return fork(resolve(ROOT, file), {
      cwd: ROOT,
      execArgv: ['--import', 'tsx'],
      env: { PATH: process.env.PATH, HOME: process.env.HOME, ...env },
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
  }
}

async function answerOf(child: ChildProcess): Promise<unknown[]> {
  const ended = once(child, 'exit').then(() => {
    throw new Error(`${child.spawnargs.at(-1)} ended without an answer`);
  });
  return (await Promise.race([once(child, 'message'), ended])) as unknown[];
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  await ended;
}

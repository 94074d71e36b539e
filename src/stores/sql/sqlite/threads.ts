import { Worker } from 'node:worker_threads';
import { BanyanError } from '../../../domain/errors.ts';
import { sqliteFailure, type Failure } from './errors.ts';
import type { Batch, Reply, Rows, ThreadSettings, Work } from './messages.ts';

/** Threads for reads, at the most: each is a connection with a page cache of its own. */
const READERS = 4;
/** After its time is over, how long a thread may take to say so; ms. */
const GRACE = 250;

export interface ThreadsSettings extends ThreadSettings {
  title: string;
  timeout: number;
  pool: { max: number; wait: number };
}

type Kind = Work['kind'];

/**
 * The connections to one file. SQLite takes one writer at a time, so all writes of this process go through one thread, in
 * their order; reads have others and do not wait for writes (WAL). What is not begun in time is never begun (A1).
 */
export class Threads {
  readonly #settings: ThreadsSettings;
  readonly #lanes: Record<Kind, Lane>;

  constructor(settings: ThreadsSettings) {
    this.#settings = settings;
    const writer = new Lane(settings, 1);
    const readers = Math.min(READERS, settings.pool.max - 1);
    this.#lanes = { write: writer, read: readers > 0 ? new Lane(settings, readers) : writer };
  }

  /** Starts what the first request of each kind needs, so that it has not to wait for it. Opens no file. */
  prepare(): void {
    for (const lane of Object.values(this.#lanes)) lane.prepare();
  }

  async run(kind: Kind, batches: readonly Batch[]): Promise<Rows[]> {
    const { timeout } = this.#settings;
    const until = Date.now() + timeout;
    return await this.#lanes[kind].use(
      async (thread) => await thread.ask({ kind, batches, until }, until - Date.now() + GRACE),
    );
  }

  async close(): Promise<void> {
    await Promise.all([...new Set(Object.values(this.#lanes))].map((lane) => lane.close()));
  }
}

interface Waiting {
  give(thread: Thread): void;
  fail(error: BanyanError): void;
}

/** Threads that do the same kind of work; each has one request at a time. They are started when they are first needed. */
class Lane {
  readonly #settings: ThreadsSettings;
  readonly #size: number;
  readonly #idle: Thread[] = [];
  readonly #waiting: Waiting[] = [];
  readonly #all = new Set<Thread>();
  #starting = 0;

  constructor(settings: ThreadsSettings, size: number) {
    this.#settings = settings;
    this.#size = size;
  }

  prepare(): void {
    if (this.#all.size === 0) this.#start();
  }

  async use<T>(work: (thread: Thread) => Promise<T>): Promise<T> {
    const thread = this.#idle.pop() ?? (await this.#wait());
    try {
      return await work(thread);
    } finally {
      this.#give(thread);
    }
  }

  async close(): Promise<void> {
    await Promise.all([...this.#all].map((thread) => thread.close()));
  }

  async #wait(): Promise<Thread> {
    const { title, pool, timeout } = this.#settings;
    const patience = Math.min(pool.wait, timeout);
    if (this.#all.size < this.#size && this.#starting <= this.#waiting.length) this.#start();
    return await new Promise<Thread>((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
        const message = `${title} had no thread free for ${patience} ms; nothing was changed`;
        reject(new BanyanError('store-overloaded', message));
      }, patience);
      const waiting: Waiting = {
        give: (thread) => (clearTimeout(timer), resolve(thread)),
        fail: (error) => (clearTimeout(timer), reject(error)),
      };
      this.#waiting.push(waiting);
    });
  }

  #start(): void {
    const thread = new Thread(this.#settings);
    this.#all.add(thread);
    this.#starting += 1;
    thread.ready.then(
      () => {
        this.#starting -= 1;
        this.#give(thread);
      },
      (error: Error) => {
        this.#starting -= 1;
        this.#all.delete(thread);
        const failed = new BanyanError('store-unreachable', `${this.#settings.title}: ${error.message}`);
        for (const waiting of this.#waiting.splice(0)) waiting.fail(failed);
      },
    );
  }

  #give(thread: Thread): void {
    if (thread.lost) {
      this.#all.delete(thread);
      if (this.#waiting.length > 0) this.#start();
      return;
    }
    const next = this.#waiting.shift();
    if (next) next.give(thread);
    else this.#idle.push(thread);
  }
}

class Thread {
  readonly #title: string;
  readonly #worker: Worker;
  /** Resolves when it listens. */
  readonly ready: Promise<void>;
  #listens = false;
  #asked = 0;
  #hear: ((reply: Reply | { died: string }) => void) | null = null;
  /** It did not answer in time or is gone; no work may be given to it. */
  lost = false;

  constructor({ title, file, foreignKeys }: ThreadsSettings) {
    this.#title = title;
    this.#worker = new Worker(entry(), { workerData: { file, foreignKeys }, execArgv: [] });
    this.ready = new Promise((resolve, reject) => {
      this.#hear = (reply) => {
        if ('died' in reply) return reject(new Error(reply.died));
        this.#listens = true;
        resolve();
      };
    });
    this.#worker.on('message', (reply: Reply) => this.#hear?.(reply));
    this.#worker.on('error', (error) => this.#die(error.message));
    this.#worker.on('exit', () => this.#die('it has ended'));
    // A thread that waits for work keeps no process alive.
    this.#worker.unref();
  }

  /** `patience`: milliseconds until it counts as lost. */
  async ask(work: Work, patience: number): Promise<Rows[]> {
    const id = ++this.#asked;
    const reply = await this.#exchange({ id, work }, patience);
    if ('rows' in reply) return reply.rows;
    if ('failure' in reply) throw sqliteFailure(this.#title, reply.failure as Failure, work.kind);
    // A write that ran out of time was rolled back before the thread said so.
    if ('late' in reply)
      throw new BanyanError('store-timeout', `${this.#title} did not answer in time; nothing was changed`);
    this.lost = true;
    void this.#worker.terminate();
    throw this.#unanswered(work.kind, 'died' in reply ? reply.died : 'it did not answer in time');
  }

  async close(): Promise<void> {
    if (this.lost) return;
    this.lost = true;
    if (this.#listens) await this.#exchange({ id: ++this.#asked, close: true }, 2_000);
    await this.#worker.terminate();
  }

  async #exchange(question: object, patience: number): Promise<Reply | { died: string } | { silent: true }> {
    return await new Promise((resolve) => {
      const timer = setTimeout(() => resolve({ silent: true }), patience);
      this.#hear = (reply) => {
        clearTimeout(timer);
        resolve(reply);
      };
      this.#worker.postMessage(question);
    });
  }

  #die(reason: string): void {
    this.lost = true;
    this.#hear?.({ died: reason });
  }

  #unanswered(kind: Kind, reason: string): BanyanError {
    if (kind === 'read') return new BanyanError('store-timeout', `${this.#title}: ${reason}`);
    const message = `${this.#title} did not answer the write (${reason}); it may or may not have been done`;
    return new BanyanError('outcome-unknown', message, { outcome: 'unknown' });
  }
}

/** The worker's module. In the clone it is TypeScript, which a thread of Node 20 does not read by itself. */
function entry(): URL {
  const compiled = new URL('./worker.js', import.meta.url);
  if (import.meta.url.endsWith('.js')) return compiled;
  const [register, worker] = [
    import.meta.resolve('tsx/esm/api'),
    new URL('./worker.ts', import.meta.url).href,
  ];
  const code = `import { register } from ${JSON.stringify(register)}; register(); await import(${JSON.stringify(worker)});`;
  return new URL(`data:text/javascript,${encodeURIComponent(code)}`);
}

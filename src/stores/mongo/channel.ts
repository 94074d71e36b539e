import { AsyncLocalStorage } from 'node:async_hooks';
import { MongoClient, type Collection, type Db, type Document } from 'mongodb';
import type { MongoStoreSettings } from '../../domain/configuration.ts';
import type { StoreNotice } from '../contract.ts';
import { Slots } from '../slots.ts';
import { failure, overloaded, TimeOver, type Asked } from './errors.ts';

/** Of a request's time, what may be spent on finding a server. */
const SELECTION_SHARE = 0.4;
/** Finding a server longer than this helps nobody; an election takes that long. */
const LONGEST_SELECTION = 8_000;

/**
 * The end of a request's time, to be given to every command of it: the server stops after `maxTimeMS`, and this process
 * neither waits nor tries again once `signal` is aborted.
 */
export interface Within {
  maxTimeMS: number;
  signal: AbortSignal;
}

/** The way to one MongoDB: connections, slots, time limits, and what a failure means. */
export class Channel {
  readonly #client: MongoClient;
  readonly #slots: Slots;
  readonly #db: Db;
  readonly #running = new AsyncLocalStorage<Asked>();
  /** Milliseconds that one request may take, its wait for a slot included (A1). */
  readonly timeout: number;
  #replicaSet: string | null = null;

  constructor(store: string, settings: MongoStoreSettings, notice: StoreNotice) {
    const { url, database, pool, timeout } = settings;
    this.timeout = timeout;
    this.#slots = new Slots(store, pool, notice);
    this.#client = new MongoClient(url, {
      appName: 'banyan',
      // A slot is a connection: nobody waits for one inside the driver, where the wait has no limit of its own.
      maxPoolSize: pool.max,
      serverSelectionTimeoutMS: Math.min(LONGEST_SELECTION, timeout * SELECTION_SHARE),
      connectTimeoutMS: timeout,
      readPreference: 'primary',
      readConcern: { level: 'majority' },
      writeConcern: { w: 'majority', journal: true },
      retryReads: true,
      retryWrites: true,
      promoteLongs: false,
      ignoreUndefined: true,
      monitorCommands: true,
    });
    this.#client.on('commandStarted', () => {
      const asked = this.#running.getStore();
      if (asked) asked.sent = true;
    });
    this.#client.on('serverDescriptionChanged', ({ newDescription }) => {
      this.#replicaSet = newDescription.setName ?? this.#replicaSet;
    });
    this.#db = this.#client.db(database ?? undefined);
  }

  /** Name of the replica set, which change streams need; null: none, or no server has answered yet. */
  get replicaSet(): string | null {
    return this.#replicaSet;
  }

  get database(): Db {
    return this.#db;
  }

  collection(name: string): Collection<Document> {
    return this.#db.collection(name);
  }

  async read<T>(title: string, work: (within: Within) => Promise<T>): Promise<T> {
    return await this.#request({ title, writes: false, sent: false }, work);
  }

  async write<T>(title: string, work: (within: Within) => Promise<T>): Promise<T> {
    return await this.#request({ title, writes: true, sent: false }, work);
  }

  async #request<T>(asked: Asked, work: (within: Within) => Promise<T>): Promise<T> {
    const began = performance.now();
    const slot = this.#slots.take(this.timeout);
    if (slot !== true && !(await slot)) throw overloaded(asked);
    const maxTimeMS = Math.max(1, Math.floor(this.timeout - (performance.now() - began)));
    const end = new AbortController();
    const timer = setTimeout(() => end.abort(new TimeOver(maxTimeMS)), maxTimeMS);
    try {
      return await this.#running.run(asked, () => work({ maxTimeMS, signal: end.signal }));
    } catch (error) {
      throw failure(error, asked);
    } finally {
      clearTimeout(timer);
      this.#slots.free();
    }
  }

  async close(): Promise<void> {
    await this.#client.close();
  }
}

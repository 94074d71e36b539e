import { AsyncLocalStorage } from 'node:async_hooks';
import { MongoClient, type Collection, type Db, type Document } from 'mongodb';
import type { MongoStoreSettings } from '../../domain/configuration.ts';
import type { StoreNotice } from '../contract.ts';
import { Slots } from '../slots.ts';
import { failure, overloaded, type Asked } from './errors.ts';

/** Of a request's time, what may be spent on finding a server; the driver does not count it when it tries again. */
const SELECTION_SHARE = 0.4;
/** Finding a server longer than this helps nobody; an election takes that long. */
const LONGEST_SELECTION = 8_000;

/** What is done within a request: its time is over after `timeoutMS`, which the driver gives to each command in it. */
export type Work<T> = (within: { timeoutMS: number }) => Promise<T>;

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

  async read<T>(title: string, work: Work<T>): Promise<T> {
    return await this.#request({ title, writes: false, sent: false }, work);
  }

  async write<T>(title: string, work: Work<T>): Promise<T> {
    return await this.#request({ title, writes: true, sent: false }, work);
  }

  async #request<T>(asked: Asked, work: Work<T>): Promise<T> {
    const began = performance.now();
    const slot = this.#slots.take(this.timeout);
    if (slot !== true && !(await slot)) throw overloaded(asked);
    try {
      const timeoutMS = Math.max(1, Math.floor(this.timeout - (performance.now() - began)));
      return await this.#running.run(asked, () => work({ timeoutMS }));
    } catch (error) {
      throw failure(error, asked);
    } finally {
      this.#slots.free();
    }
  }

  async close(): Promise<void> {
    await this.#client.close();
  }
}

import { createHash, randomUUID } from 'node:crypto';
import { createCache } from 'async-cache-dedupe';
import type { ResourceName } from '../domain/words.ts';
import type { Log } from '../observability/log.ts';
import type { Redis } from './redis.ts';

/** An answer to a read as it is kept. */
export interface CachedAnswer {
  body: string;
  headers: Record<string, string>;
}

/** What makes two reads the same. */
export interface Question {
  resource: ResourceName;
  /** Epoch of the resource's mode: no answer outlives a switch. */
  epoch: number;
  /** What the caller may see, e.g. the value of his tenant: nobody gets what was read for somebody else. */
  scope: string;
  /** Path with its query. */
  target: string;
  /** Longest age; milliseconds, of which whole seconds count. */
  ttl: number;
}

interface Asked {
  key: string;
  ttl: number;
  read: () => Promise<CachedAnswer>;
}

type Kept = CachedAnswer & { ttl: number };

/** Answers that a process keeps in its own memory. */
const ANSWERS = 5_000;
/** How long Redis keeps a resource's state of writes after the last one; seconds. Well above any `ttl`. */
const STATE_KEPT = 7 * 86_400;

/**
 * Answers of reads, kept for a while. A resource has a state of writes, which is part of every key: a name that nobody had
 * before, given after the store has taken a write and before the client is told. So no read that begins after an answered
 * write finds what was read before it. In Redis the state is everybody's; in memory it is this process's own.
 */
export class AnswerCache {
  readonly #answers: { answers: (asked: Asked) => Promise<Kept> };
  readonly #states = new Map<ResourceName, string>();
  /** Resources of whose last writes Redis has taken no note, with how often it has not. */
  readonly #unsaid = new Map<ResourceName, number>();
  readonly #redis: Redis | null;
  readonly #prefix: string;
  readonly #cached: () => Iterable<ResourceName>;
  readonly #log: Log;

  /**
   * `owner`: what tells this product's answers from another's in the same Redis. `cached`: the resources whose answers are
   * kept, now.
   */
  constructor(redis: Redis | null, owner: string, cached: () => Iterable<ResourceName>, log: Log) {
    this.#redis = redis;
    this.#cached = cached;
    this.#prefix = `banyan-cache-${hash(owner).slice(0, 12)}`;
    this.#log = log;
    // Others give what they have kept until Redis is told.
    redis?.on('ready', () => void Promise.all([...this.#unsaid.keys()].map((name) => this.#renew(name))));
    const cache = createCache({
      storage: redis
        ? { type: 'redis', options: { client: redis as never } }
        : { type: 'memory', options: { size: ANSWERS } },
      onError: (error: Error) => log.debug({ reason: error.message }, 'an answer could not be kept'),
    });
    this.#answers = cache.define(
      'answers',
      {
        serialize: ({ key }: Asked) => key,
        ttl: ({ ttl }: Kept) => Math.max(1, Math.floor(ttl / 1_000)),
      },
      async ({ ttl, read }: Asked): Promise<Kept> => ({ ...(await read()), ttl }),
    );
  }

  /** The answer to a question: as it was kept, or read now. Without the state of writes, every question is read. */
  async answer(
    question: Question,
    read: () => Promise<CachedAnswer>,
  ): Promise<CachedAnswer & { hit: boolean }> {
    const state = await this.#state(question.resource);
    if (state === null) return { ...(await read()), hit: false };
    let hit = true;
    const { resource, epoch, scope, target, ttl } = question;
    const key = `${this.#prefix}-${hash(JSON.stringify([resource, state, epoch, scope, target]))}`;
    const answer = await this.#answers.answers({
      key,
      ttl,
      read: async () => {
        hit = false;
        return await read();
      },
    });
    return { body: answer.body, headers: answer.headers, hit };
  }

  /**
   * A resource was written: what was kept of it is not given again. `cascades`: the store may have changed records of
   * other resources with it.
   */
  async written(resource: ResourceName, { cascades }: { cascades: boolean }): Promise<void> {
    const touched = [...this.#cached()].filter((name) => cascades || name === resource);
    await Promise.all(
      touched.map(async (name) => {
        const failure = await this.#renew(name);
        // The write is done: to refuse it now would be a lie.
        if (failure)
          this.#log.warn(
            { resource: name, reason: failure.message },
            'Redis did not take note of a write; until it is back, other processes may give kept answers of the resource',
          );
      }),
    );
  }

  async #state(resource: ResourceName): Promise<string | null> {
    if (!this.#redis) return this.#states.get(resource) ?? '';
    // What Redis still has may be from before a write that was answered while it was away.
    if (this.#unsaid.has(resource)) await this.#renew(resource);
    if (this.#unsaid.has(resource)) return null;
    try {
      const key = this.#stateKey(resource);
      const state = await this.#redis.get(key);
      if (state !== null) return state;
      await this.#redis.set(key, randomUUID(), 'EX', STATE_KEPT, 'NX');
      return await this.#redis.get(key);
    } catch {
      return null;
    }
  }

  /** A new state of writes; answers why Redis has not heard of it. */
  async #renew(resource: ResourceName): Promise<Error | null> {
    const state = randomUUID();
    this.#states.set(resource, state);
    if (!this.#redis) return null;
    const unsaid = this.#unsaid.get(resource);
    try {
      await this.#redis.set(this.#stateKey(resource), state, 'EX', STATE_KEPT);
      // Of a write that came after it, it says nothing.
      if (this.#unsaid.get(resource) === unsaid) this.#unsaid.delete(resource);
      return null;
    } catch (error) {
      this.#unsaid.set(resource, (this.#unsaid.get(resource) ?? 0) + 1);
      return error as Error;
    }
  }

  #stateKey(resource: ResourceName): string {
    return `${this.#prefix}-writes-${resource}`;
  }
}

function hash(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

import { Agent } from 'undici';
import type { SupabaseStoreSettings } from '../../domain/configuration.ts';
import type { StoreNotice } from '../contract.ts';
import { answerFailure, connectionFailure, overloaded, type Asked } from './errors.ts';
import { exchangeUntil, NoAnswer, type Answer, type Request } from '../exchange.ts';
import { Slots } from '../slots.ts';

/** PostgREST's way to say that an offset lies beyond the last row; its content-range has the total all the same. */
const BEYOND_THE_END = 416;

/** The way to one Supabase project's REST API: connections, slots, time limits, and what a failure means. */
export class Channel {
  readonly #agent: Agent;
  readonly #slots: Slots;
  readonly #origin: string;
  readonly #headers: Record<string, string>;
  /** Milliseconds that one request may take, its wait for a slot included (A1). */
  readonly timeout: number;
  /** URL of the REST API, without a trailing slash. */
  readonly base: string;

  constructor(store: string, settings: SupabaseStoreSettings, notice: StoreNotice) {
    const { url, key, pool, timeout } = settings;
    this.base = `${url.replace(/\/+$/, '')}/rest/v1`;
    this.timeout = timeout;
    this.#origin = new URL(url).origin;
    this.#headers = { apikey: key, authorization: `Bearer ${key}` };
    this.#slots = new Slots(store, pool, notice);
    // No pipelining: a request that waits behind another one could not be given up without doubt.
    this.#agent = new Agent({ connections: pool.max, pipelining: 1, connect: { timeout } });
  }

  /**
   * A `fetch` for one request of postgrest-js. Rejects with a BanyanError for a failed connection and for every answer
   * that is not a success. `body` is sent in place of the one that postgrest-js writes. `until` (performance.now()) is
   * when the request is given up.
   */
  fetchFor(asked: Asked, body: string | null, until: number): typeof fetch {
    return (async (url: string, init: { method: Request['method']; headers: Headers }) => {
      const headers = { ...this.#headers, ...Object.fromEntries(init.headers) };
      const path = url.slice(this.#origin.length);
      return response(await this.send({ method: init.method, path, headers, body }, asked, until));
    }) as unknown as typeof fetch;
  }

  async send(request: Omit<Request, 'origin'>, asked: Asked, until: number): Promise<Answer> {
    const slot = this.#slots.take(until - performance.now());
    if (slot !== true && !(await slot)) throw overloaded('no free slot within pool.wait', asked);
    try {
      const answer = await this.#exchange({ ...request, origin: this.#origin }, asked, until);
      if (answer.status < 300 || answer.status === BEYOND_THE_END) return answer;
      throw answerFailure(answer.status, answer.body, asked);
    } finally {
      this.#slots.free();
    }
  }

  async #exchange(request: Request, asked: Asked, until: number): Promise<Answer> {
    try {
      return await exchangeUntil(this.#agent, request, until, asked);
    } catch (error) {
      if (!(error instanceof NoAnswer)) throw error;
      throw connectionFailure(error.cause, error.sent, asked);
    }
  }

  async close(): Promise<void> {
    await this.#agent.close();
  }

  /** Headers of a request that is not made by postgrest-js. */
  get headers(): Record<string, string> {
    return this.#headers;
  }
}

/** The part of a fetch Response that postgrest-js looks at; a real one costs more than the rest of the request. */
function response({ status, headers, body }: Answer): unknown {
  const beyond = status === BEYOND_THE_END;
  return {
    ok: true,
    status,
    statusText: '',
    headers: { get: (name: string) => headers[name] ?? null },
    text: () => Promise.resolve(beyond ? '[]' : body),
  };
}

import { Agent } from 'undici';
import type { HttpStoreSettings } from '../../domain/configuration.ts';
import { parseJson, stringifyJson, type Value } from '../../domain/values.ts';
import type { StoreNotice } from '../contract.ts';
import { exchangeUntil, NoAnswer, type Answer, type Request } from '../exchange.ts';
import { Slots } from '../slots.ts';
import { answerFailure, connectionFailure, nonsense, overloaded, type Asked } from './errors.ts';

/** A request to the API; `path` is below the base URL and has its query already. */
export interface Call {
  method: Request['method'];
  path: string;
  body?: Value;
  headers?: Record<string, string>;
}

/** A success, or one of the statuses that the caller expects. `body` is null where there is none, a text after a delete. */
export interface Reply {
  status: number;
  headers: Answer['headers'];
  body: Value;
}

/** The way to one API: connections, slots, time limits, and what a failure means. */
export class Channel {
  readonly #agent: Agent;
  readonly #slots: Slots;
  readonly #origin: string;
  readonly #base: string;
  readonly #headers: Record<string, string>;
  /** Milliseconds that one request may take, its wait for a slot included (A1). */
  readonly timeout: number;

  constructor(store: string, settings: HttpStoreSettings, notice: StoreNotice) {
    const { url, headers, pool, timeout } = settings;
    const { origin, pathname, username, password } = new URL(url);
    this.#origin = origin;
    this.#base = pathname.replace(/\/+$/, '');
    this.timeout = timeout;
    this.#headers = { accept: 'application/json', ...headers };
    if (username) this.#headers.authorization ??= basic(username, password);
    this.#slots = new Slots(store, pool, notice);
    // No pipelining: a request that waits behind another one could not be given up without doubt.
    this.#agent = new Agent({ connections: pool.max, pipelining: 1, connect: { timeout } });
  }

  /** When a method that begins now has to have ended, as performance.now(). */
  until(): number {
    return performance.now() + this.timeout;
  }

  /** Rejects with a BanyanError for a failed connection and for every status that is neither a success nor `expected`. */
  async ask(call: Call, asked: Asked, until: number, expected: readonly number[] = []): Promise<Reply> {
    const { method, path, body } = call;
    const headers = { ...this.#headers, ...call.headers };
    if (body !== undefined) headers['content-type'] = 'application/json';
    const text = body === undefined ? null : stringifyJson(body);
    const request = { method, origin: this.#origin, path: this.#base + path, headers, body: text };
    const answer = await this.#inTurn(request, asked, until);
    if (expected.includes(answer.status)) return { ...answer, body: null };
    if (answer.status >= 300) throw answerFailure(answer, asked);
    try {
      if (!answer.isText) throw nonsense('an answer that is not UTF-8', asked);
      return { ...answer, body: bodyOf(answer, asked) };
    } catch (error) {
      // Of a delete many APIs say "deleted", in plain text; whether it is true is seen by looking.
      if (method === 'DELETE') return { ...answer, body: answer.body };
      throw error;
    }
  }

  async #inTurn(request: Request, asked: Asked, until: number): Promise<Answer> {
    const slot = this.#slots.take(until - performance.now());
    if (slot !== true && !(await slot)) throw overloaded('no free slot within pool.wait', asked);
    try {
      return await this.#send(request, asked, until);
    } finally {
      this.#slots.free();
    }
  }

  async #send(request: Request, asked: Asked, until: number): Promise<Answer> {
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
}

function bodyOf({ body }: Answer, asked: Asked): Value {
  const text = body.replace(/^\uFEFF/, '');
  try {
    return text.trim() === '' ? null : parseJson(text);
  } catch (error) {
    throw nonsense('an answer that is not JSON', asked, error);
  }
}

function basic(username: string, password: string): string {
  const login = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return `Basic ${Buffer.from(login).toString('base64')}`;
}

import { type CircuitBreakerPolicy, handleAll } from 'cockatiel';
import type { FastifyReply } from 'fastify';
import type { BreakerSettings } from '../domain/configuration.ts';
import { BanyanError } from '../domain/errors.ts';
import type { BreakerState } from '../stores/figures.ts';
import { type BreakerNotice, breakerOf, stateOf } from '../stores/policies.ts';

const TITLE = 'the legacy upstream';
const FAILED = Symbol('failed');
type Judged = FastifyReply & { [FAILED]?: (reason: unknown) => void };

/**
 * Leaves an upstream alone that cannot be reached. A request counts once, from when it is first passed on until its answer
 * is over: an answer of any status is a success; that no attempt brings one, for want of a connection or in time, is none.
 */
export class UpstreamBreaker {
  readonly #notice: BreakerNotice;
  #policy: { settings: string; breaker: CircuitBreakerPolicy } | null = null;

  constructor(notice: BreakerNotice) {
    this.#notice = notice;
  }

  get state(): BreakerState | null {
    return stateOf(this.#policy?.breaker ?? null);
  }

  /** Null when the request may be passed on; else why not. */
  async admit(settings: BreakerSettings | null, reply: FastifyReply): Promise<BanyanError | null> {
    if (!settings) return null;
    const breaker = this.#breaker(settings);
    return await new Promise((admit) => {
      const passOn = () =>
        new Promise<void>((answered, failed) => {
          (reply as Judged)[FAILED] = failed;
          reply.raw.once('close', answered);
          admit(null);
        });
      // After it was passed on, a failure is the request's own to tell.
      breaker.execute(passOn).catch(() => admit(new BanyanError('upstream-resting')));
    });
  }

  /** To be called when a request that was passed on has failed. */
  static failed(reply: FastifyReply, reason: unknown): void {
    (reply as Judged)[FAILED]?.(reason);
  }

  /** Other settings begin anew. */
  #breaker(settings: BreakerSettings): CircuitBreakerPolicy {
    const text = JSON.stringify(settings);
    if (this.#policy?.settings !== text) {
      this.#policy = { settings: text, breaker: breakerOf(TITLE, handleAll, settings, this.#notice) };
    }
    return this.#policy.breaker;
  }
}

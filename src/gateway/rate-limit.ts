import { createHash } from 'node:crypto';
import rateLimit from '@fastify/rate-limit';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { claimAt, type Caller } from '../domain/callers.ts';
import type { RateLimitSettings, ResourceSettings } from '../domain/configuration.ts';
import { BanyanError } from '../domain/errors.ts';
import type { Redis } from './redis.ts';

/** Counts a request of a caller; refuses it with rate-limited when there were too many. */
export type CheckRate = (
  request: FastifyRequest,
  reply: FastifyReply,
  settings: Pick<ResourceSettings, 'name' | 'rateLimit'>,
  caller: Caller,
) => Promise<void>;

interface Counted {
  name: string;
  limit: RateLimitSettings;
  caller: Caller;
}

const COUNTED = Symbol('counted');
type CountedRequest = FastifyRequest & { [COUNTED]?: Counted };

/** Callers that are counted at the same time, per process; the one not seen for longest is forgotten. */
const CALLERS = 50_000;

/**
 * Rate limits of all resources, in Redis where there is one. While that is away, nobody is refused. `owner`: what tells
 * this product's callers from another's in the same Redis.
 */
export async function openRateLimits(
  app: FastifyInstance,
  redis: Redis | null,
  owner: string,
): Promise<CheckRate> {
  await app.register(rateLimit, {
    global: false,
    cache: CALLERS,
    skipOnError: true,
    nameSpace: `banyan-rate-${createHash('sha256').update(owner).digest('hex').slice(0, 12)}-`,
    ...(redis ? { redis } : {}),
  });
  const count = app.createRateLimit({
    keyGenerator: (request) => callerKey(request, countedOf(request)),
    max: (request) => countedOf(request).limit.max,
    timeWindow: (request) => countedOf(request).limit.window,
  });
  return async (request, reply, { name, rateLimit: limit }, caller) => {
    if (!limit) return;
    (request as CountedRequest)[COUNTED] = { name, limit, caller };
    const counted = await count(request);
    if (counted.isAllowed) return;
    void reply
      .header('x-ratelimit-limit', counted.max)
      .header('x-ratelimit-remaining', counted.remaining)
      .header('x-ratelimit-reset', counted.ttlInSeconds);
    if (!counted.isExceeded) return;
    const message = `${name} takes ${limit.max} requests within ${limit.window / 1_000} s from one caller`;
    throw new BanyanError('rate-limited', message, { retryAfter: Math.max(1, counted.ttlInSeconds) });
  };
}

function countedOf(request: FastifyRequest): Counted {
  return (request as CountedRequest)[COUNTED] as Counted;
}

/** A claim may hold anything; without it, the caller is known by his address. */
function callerKey(request: FastifyRequest, { name, limit, caller }: Counted): string {
  const claim = limit.by === 'ip' ? undefined : claimAt(caller.claims, limit.by.claim);
  const who = claim === undefined || claim === null ? ['ip', request.ip] : ['claim', claim];
  return JSON.stringify([name, ...who]);
}

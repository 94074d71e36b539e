import cors, { type FastifyCorsOptions } from '@fastify/cors';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { CorsSettings } from '../domain/configuration.ts';

/** Headers of answers that a page may read, besides the few that every page may. */
const EXPOSED = [
  'x-served-by',
  'x-total-count',
  'x-request-id',
  'server-timing',
  'idempotency-replayed',
  'retry-after',
  'www-authenticate',
  'x-next-cursor',
  'x-cache',
  'x-banyan-secondary',
  'x-ratelimit-limit',
  'x-ratelimit-remaining',
  'x-ratelimit-reset',
];

/** Answers browsers that ask which pages may call; before any token is asked for, as a browser's question has none. */
export async function allowOrigins(app: FastifyInstance, settings: () => CorsSettings | null): Promise<void> {
  await app.register(cors, {
    delegator: (_request: FastifyRequest, done: (error: null, options: FastifyCorsOptions) => void) =>
      done(null, optionsOf(settings())),
  });
}

function optionsOf(settings: CorsSettings | null): FastifyCorsOptions {
  if (!settings) return { origin: false };
  const { origins, credentials, maxAge } = settings;
  return {
    origin: origins.includes('*') ? '*' : [...origins],
    methods: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'],
    credentials,
    maxAge: Math.round(maxAge / 1_000),
    exposedHeaders: EXPOSED,
    strictPreflight: false,
  };
}

import type { Redis } from 'ioredis';
import { BanyanError } from '../domain/errors.ts';
import type { Log } from '../observability/log.ts';

export type { Redis } from 'ioredis';

/** Longest time that a request waits for Redis before it goes on without; ms. */
const PATIENCE = 500;

/**
 * What tells one product's keys from another's in the same Redis: whose control database it is. The account is left out:
 * while a password is being exchanged, processes with the old one and the new one still hear of each other's writes.
 */
export function ownerOf(controlUrl: string): string {
  if (!URL.canParse(controlUrl)) return controlUrl;
  const { host, pathname, searchParams } = new URL(controlUrl);
  return [host, searchParams.get('host') ?? '', pathname].join(' ');
}

/**
 * The Redis that all processes share, or null where none is configured: `ioredis` is loaded only then. It connects by
 * itself, again and again; while it is away, requests fail fast and whoever asks goes on without.
 */
export async function connectRedis(url: string | null, log: Log): Promise<Redis | null> {
  if (url === null) return null;
  const library = await import('ioredis').catch((error: unknown) => {
    const message = 'server.redis needs the package "ioredis", which is not installed: npm install ioredis@6';
    throw new BanyanError('config-invalid', message, { cause: error });
  });
  const redis = new library.Redis(url, {
    commandTimeout: PATIENCE,
    connectTimeout: PATIENCE,
    maxRetriesPerRequest: 1,
    enableOfflineQueue: false,
    retryStrategy: (times) => Math.min(times * 100, 2_000),
  });
  let away = false;
  redis.on('error', (error: Error) => {
    if (!away) log.warn({ reason: error.message }, 'Redis is away: caches and rate limits go on without it');
    away = true;
  });
  redis.on('ready', () => {
    if (away) log.info({}, 'Redis is back');
    away = false;
  });
  return redis;
}

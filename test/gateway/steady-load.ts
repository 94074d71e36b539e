import { setTimeout as pause } from 'node:timers/promises';
import { Agent, request } from 'undici';
import type { Teardown } from '../harness/postgres.ts';

/** One request of a steady load; answers what is wrong with its answer, or nothing. */
export interface Shot {
  method: 'GET' | 'POST' | 'PATCH';
  path: string;
  body?: unknown;
  headers?: Record<string, string>;
  check: (status: number, body: string) => string | undefined;
}

export interface SteadyLoad {
  /** Requests that have been answered. */
  count(): number;
  /** What was wrong with answers, or why there was none. */
  failures: string[];
  /** Stops, and waits for the answers that are missing. */
  stop(): Promise<void>;
}

/** Requests under way at the most: a machine that cannot keep up must not be buried. */
const PARALLEL = 32;

/** Begins `perSecond` requests a second, each made by `next`, until it is stopped. */
export function startLoad(t: Teardown, base: string, next: () => Shot, perSecond = 100): SteadyLoad {
  const agent = new Agent({ connections: PARALLEL });
  const failures: string[] = [];
  let count = 0;
  let stopped = false;
  const underWay = new Set<Promise<void>>();
  const shoot = async ({ method, path, body, headers, check }: Shot) => {
    try {
      const answer = await request(base + path, {
        method,
        dispatcher: agent,
        headers: { 'content-type': 'application/json', ...headers },
        body: body === undefined ? undefined : JSON.stringify(body),
      });
      const text = await answer.body.text();
      const wrong = check(answer.statusCode, text);
      if (wrong !== undefined) failures.push(`${method} ${path}: ${answer.statusCode} ${wrong}`);
    } catch (error) {
      failures.push(`${method} ${path}: ${String(error)}`);
    }
    count += 1;
  };
  const begun = performance.now();
  const going = (async () => {
    for (let sent = 0; !stopped; sent += 1) {
      while (underWay.size >= PARALLEL) await Promise.race(underWay);
      const one = shoot(next()).finally(() => underWay.delete(one));
      underWay.add(one);
      const early = begun + ((sent + 1) * 1_000) / perSecond - performance.now();
      if (early > 0) await pause(early);
    }
    await Promise.all(underWay);
    await agent.close();
  })();
  const stop = async () => {
    stopped = true;
    await going;
  };
  t.teardown(stop);
  return { count: () => count, failures, stop };
}

import { setTimeout as sleep } from 'node:timers/promises';
import autocannon from 'autocannon';
import { Pool } from 'undici';
import { cpuTime } from './cpu-time.ts';
import type { Server } from './place.ts';
import { quantile } from './statistics.ts';

/** Requests that are sent again and again, in turn. */
export interface Shape {
  method: 'GET' | 'POST';
  paths: readonly string[];
  /** The body of the n-th request. */
  body?: (n: number) => string;
}

/** What came of a load. */
export interface Load {
  perSecond: number;
  failed: number;
  /** Milliseconds. */
  p50: number;
  p99: number;
  max: number;
  /** CPU time of the server's process per request, microseconds; NaN where the system does not tell. */
  cpu: number;
}

const CONNECTIONS = 32;
const HEADERS = { 'content-type': 'application/json' };

/** No body comes twice in one run: emails are unique. */
let bodies = 0;

/** As much as the server takes: a number of connections, each with one request at a time. */
export async function saturate(server: Server, shape: Shape, seconds: number): Promise<Load> {
  const latencies: number[] = [];
  let failed = 0;
  const before = await cpuTime(server.pid);
  const started = performance.now();
  const cannon = autocannon({
    url: server.url,
    connections: CONNECTIONS,
    duration: seconds,
    requests: shape.paths.map((path) => ({
      method: shape.method,
      path,
      ...(shape.body
        ? { headers: HEADERS, setupRequest: (request) => ({ ...request, body: shape.body?.(bodies++) }) }
        : {}),
    })),
  });
  cannon.on('response', (_client, status, _bytes, milliseconds) => {
    latencies.push(milliseconds);
    if (status >= 400) failed += 1;
  });
  const { errors, timeouts } = await cannon;
  return await summary(server, { latencies, failed: failed + errors + timeouts, before, started });
}

/**
 * A fixed number of requests a second, evenly spaced, whether or not the earlier ones have their answer. A request's
 * time counts from when it was due, so that a server that stands still is not flattered.
 */
export async function steady(server: Server, shape: Shape, rate: number, seconds: number): Promise<Load> {
  const pool = new Pool(server.url, { connections: 128, pipelining: 1 });
  const latencies: number[] = [];
  let failed = 0;
  const send = async (n: number, due: number) => {
    const path = shape.paths[n % shape.paths.length] as string;
    const body = shape.body?.(bodies++);
    const ok = await pool
      .request({ method: shape.method, path, ...(body === undefined ? {} : { body, headers: HEADERS }) })
      .then(async (answer) => (await answer.body.dump(), answer.statusCode < 400))
      .catch(() => false);
    latencies.push(performance.now() - due);
    if (!ok) failed += 1;
  };
  const before = await cpuTime(server.pid);
  const started = performance.now();
  const sent: Promise<void>[] = [];
  for (let n = 0; n < rate * seconds; n += 1) {
    const due = started + (n * 1_000) / rate;
    // A timer fires at most about once a millisecond: what is due by then is sent together.
    if (due > performance.now()) await sleep(due - performance.now());
    sent.push(send(n, due));
  }
  await Promise.all(sent);
  const load = await summary(server, { latencies, failed, before, started });
  await pool.close();
  return load;
}

async function summary(
  server: Server,
  run: { latencies: number[]; failed: number; before: number; started: number },
): Promise<Load> {
  const { latencies, failed, before, started } = run;
  const count = latencies.length;
  return {
    perSecond: (count * 1_000) / (performance.now() - started),
    failed,
    p50: quantile(latencies, 0.5),
    p99: quantile(latencies, 0.99),
    max: quantile(latencies, 1),
    cpu: ((await cpuTime(server.pid)) - before) / count,
  };
}

import { setTimeout as sleep } from 'node:timers/promises';
import { withClient } from '../src/quickstart/accounts.ts';
import { loadSampleData } from '../src/quickstart/sample-data.ts';
import type { Mode } from '../src/domain/words.ts';
import { ROAD } from '../src/domain/modes.ts';
import { startGateway, testConfig, type TestConfig } from '../test/harness/gateway.ts';
import type { Shape } from './load.ts';
import type { Place, Server } from './place.ts';

/** Not a secret: these servers live for the time of a bench, on this machine. */
export const LEGACY_KEY = 'sb_secret_bench';

/** A legacy store with sample data. */
export interface Legacy extends Server {
  databaseUrl: string;
}

/** `scale`: share of the full sample data. */
export async function startLegacy(place: Place, scale: number): Promise<Legacy> {
  const databaseUrl = await place.database();
  const server = await place.server('legacy', { LEGACY_DATABASE_URL: databaseUrl, LEGACY_KEY });
  if (scale > 0) await loadSampleData(databaseUrl, { scale });
  return { ...server, databaseUrl };
}

export interface Gateway extends Server {
  /** The new database, which is the control database as well. */
  databaseUrl: string;
  config: TestConfig;
  /** Walks a resource along its road by editing the file, as an operator would, and waits until it is there. */
  walk(resource: string, to: Mode): Promise<void>;
  stop(): Promise<unknown>;
}

export interface GatewayOptions {
  /** Where everything goes that no resource names; left out: the legacy store. */
  upstream?: string;
  /** Mode to bring `clients` to. */
  clients?: Mode;
}

/** Generous times, for saturation is what is wanted here; and no shadow reads are waited for. */
const EDITS: readonly (readonly [RegExp, string])[] = [
  [/timeout: \ds\n/g, 'timeout: 10s\n'],
  [/deadline: \ds\n/g, 'deadline: 30s\n'],
  [/\$\{LOG_LEVEL:-info\}/, 'warn'],
];

/** A real gateway process on a new database of its own, with the product's own defaults but for `EDITS`. */
export async function startBenchGateway(
  place: Place,
  legacy: Server,
  options: GatewayOptions = {},
): Promise<Gateway> {
  const databaseUrl = await place.database();
  const config = await testConfig(place, EDITS);
  const env = {
    DATABASE_URL: databaseUrl,
    SUPABASE_URL: legacy.url,
    SUPABASE_SERVICE_ROLE_KEY: LEGACY_KEY,
    LEGACY_API_URL: options.upstream ?? legacy.url,
  };
  const { url, pid, stop } = await startGateway(place, { config, env });
  const walk = async (resource: string, to: Mode) => {
    let at = ROAD.indexOf((await stateOf(databaseUrl, resource)).mode as Mode);
    while (at !== ROAD.indexOf(to)) {
      at += Math.sign(ROAD.indexOf(to) - at);
      await config.setMode(resource, ROAD[at] as Mode);
      await untilOpen(databaseUrl, resource, ROAD[at] as Mode);
    }
    await untilRested(databaseUrl);
  };
  if (options.clients) await walk('clients', options.clients);
  return { url, pid, databaseUrl, config, walk, stop };
}

async function stateOf(databaseUrl: string, resource: string): Promise<{ mode: string; stage: string }> {
  return await withClient(databaseUrl, async (client) => {
    const { rows } = await client.query<{ mode: string; stage: string }>(
      'SELECT mode, stage FROM banyan.resource WHERE name = $1',
      [resource],
    );
    return rows[0] as { mode: string; stage: string };
  });
}

async function untilOpen(databaseUrl: string, resource: string, mode: Mode): Promise<void> {
  for (const end = Date.now() + 120_000; ; await sleep(50)) {
    const state = await stateOf(databaseUrl, resource);
    if (state.mode === mode && state.stage === 'open') return;
    if (Date.now() > end)
      throw new Error(`${resource} does not come to mode ${mode}: ${await refusal(databaseUrl)}`);
  }
}

/** The jobs that a step has begun are over, so that they are not measured. */
async function untilRested(databaseUrl: string): Promise<void> {
  const running = `SELECT EXISTS (SELECT FROM banyan.backfill WHERE status = 'running')
    OR EXISTS (SELECT FROM banyan.verify_run WHERE status = 'running') AS busy`;
  await withClient(databaseUrl, async (client) => {
    while ((await client.query<{ busy: boolean }>(running)).rows[0]?.busy) await sleep(50);
    await client.query('VACUUM ANALYZE');
  });
}

async function refusal(databaseUrl: string): Promise<string> {
  return await withClient(databaseUrl, async (client) => {
    const { rows } = await client.query<{ refusal: string }>('SELECT refusal FROM banyan.wanted');
    return rows.map((row) => row.refusal).join('; ');
  });
}

/** Paths of records that are there, in no particular order. */
export async function recordPaths(databaseUrl: string, count: number): Promise<string[]> {
  return await withClient(databaseUrl, async (client) => {
    const found = await client.query<{ id: string }>(
      'SELECT id FROM clients WHERE notes IS NULL OR length(notes) < 1000 ORDER BY md5(id::text) LIMIT $1',
      [count],
    );
    return found.rows.map(({ id }) => `/api/clients/${id}`);
  });
}

/** Different in every run, so that runs on one database do not meet. */
const RUN = Date.now().toString(36);

export const CREATE: Shape = {
  method: 'POST',
  paths: ['/api/clients'],
  body: (n) =>
    JSON.stringify({
      name: 'Zoé "Z" O’Brien',
      email: `${RUN}.${n}@mail.example`,
      phone: '+33 6 12345678',
      status: 'active',
      tags: ['vip', 'one, two'],
      metadata: { preferredChannel: 'email', scores: [1, 2.5, 0], nested: { key: [null, { deep: '' }] } },
      revenue: 1234567.25,
      loyaltyPoints: 12,
      notes: 'Rappeler mardi.',
    }),
};

import { MODES } from '../../src/domain/modes.ts';
import type { Mode } from '../../src/domain/words.ts';
import { type FaultProxy, startFaultProxy } from '../harness/fault-proxy.ts';
import {
  type GatewayProcess,
  type GatewayStart,
  startGateway,
  type TestConfig,
  testConfig,
} from '../harness/gateway.ts';
import type { Teardown } from '../harness/postgres.ts';
import { createTwoSides, type TwoSides } from '../harness/two-sides.ts';
import { until } from '../harness/wait.ts';
import { type Load, startLoad } from '../load/load.ts';
import { SUBJECTS, versionsIn } from '../load/subjects.ts';
import { Endings } from '../tour/endings.ts';
import { Operator } from '../tour/operator.ts';

/** Gateway processes, clients that use them, and stores that can be taken away from them. */
export interface FaultPlace {
  sides: TwoSides;
  config: TestConfig;
  /** From the gateway to each store; the control database is behind the second one. */
  ways: { legacy: FaultProxy; new: FaultProxy };
  /** Asks for switches and looks at the control database, past the faults. */
  operator: Operator;
  /** Starts a gateway, each under its own port and so as the same replica as before. */
  start(failpoint?: GatewayStart['failpoint'], index?: number): Promise<GatewayProcess>;
  /** The process that was started last. */
  gateway(index?: number): GatewayProcess;
  urls(): string[];
  /** One request of a client that is not in the model; its answer must be in the envelope. */
  ask(method: string, path: string, body?: unknown, token?: string): Promise<Answer>;
  load(options?: { seed?: number; clients?: number }): Promise<Load>;
}

export interface Answer {
  status: number;
  /** Code of the error, or an empty text. */
  code: string;
  data: Record<string, unknown> | null;
  replayed: boolean;
}

/** `records`: clients that are there before; their backfill takes a few chunks. `gateways`: how many are started. */
export async function openFaultPlace(t: Teardown, { records = 200, gateways = 1 } = {}): Promise<FaultPlace> {
  const sides = await createTwoSides(t, { scale: records / 10_000 });
  const way = async (url: string, port: number) =>
    await startFaultProxy({
      target: { host: new URL(url).hostname, port: Number(new URL(url).port || port) },
    });
  const env = sides.env as Record<'SUPABASE_URL' | 'DATABASE_URL', string>;
  const ways = { legacy: await way(env.SUPABASE_URL, 80), new: await way(env.DATABASE_URL, 5432) };
  t.teardown(async () => await Promise.all([ways.legacy.close(), ways.new.close()]));
  // A small chunk, so that a backfill has several; time enough for a switch whose gateway is killed again and again.
  const settings = 'backfill: { chunk: 50 }\n    batch: { max: 50 }\n    switch: { hold: 3s, budget: 2m }';
  const config = await testConfig(t, [[/(path: \/api\/clients\n    mode: legacy)/, `$1\n    ${settings}`]]);
  const through = {
    ...sides.env,
    SUPABASE_URL: ways.legacy.url(env.SUPABASE_URL),
    DATABASE_URL: ways.new.url(env.DATABASE_URL),
    LOG_LEVEL: 'warn',
  };
  const processes: GatewayProcess[] = [];
  const endings = new Endings();
  t.teardown(() => endings.run());
  const place: FaultPlace = {
    sides,
    config,
    ways,
    operator: undefined as never,
    start: async (failpoint, index = 0) => {
      const before = processes[index];
      await before?.kill();
      const mayEndAtOnce = failpoint !== undefined;
      const start = { config, env: through, port: before?.port, failpoint, mayEndAtOnce };
      return (processes[index] = await startGateway(t, start));
    },
    gateway: (index = 0) => processes[index] as GatewayProcess,
    urls: () => processes.filter((gateway) => gateway.isRunning()).map(({ url }) => url),
    ask: async (...request) => await ask(place.gateway().url, ...request),
    load: async (options) =>
      await startLoad({
        urls: place.urls,
        subject: SUBJECTS.clients,
        clients: options?.clients ?? 3,
        ratePerClient: 15,
        seed: options?.seed ?? 1,
        idempotency: true,
      }),
  };
  await Promise.all(Array.from({ length: gateways }, (_, index) => place.start(undefined, index)));
  place.operator = await Operator.open(endings, { file: config.file, env: sides.env, resource: 'clients' });
  return place;
}

async function ask(
  base: string,
  method: string,
  path: string,
  body?: unknown,
  token?: string,
): Promise<Answer> {
  const answer = await fetch(base + path, {
    method,
    headers: {
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...(token === undefined ? {} : { 'idempotency-key': token }),
    },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const text = await answer.text();
  const { success, data, error } = JSON.parse(text) as Record<string, never> & { error?: { code: string } };
  if (success !== answer.ok || (!success && !error?.code))
    throw new Error(`${answer.status} is not in the envelope: ${text}`);
  const replayed = answer.headers.get('idempotency-replayed') === 'true';
  return { status: answer.status, code: error?.code ?? '', data: data ?? null, replayed };
}

/** What must be empty when everything is at rest. */
export interface Rest {
  lost: unknown[];
  older: unknown[];
  wrong: unknown[];
  unknown: number;
  marks: number;
  differences: number;
}

export const AT_REST: Rest = { lost: [], older: [], wrong: [], unknown: 0, marks: 0, differences: 0 };

/**
 * Lets the clients rest and compares: what they were told with the gateway's answers and with the stores, and both
 * stores with each other. Nobody repairs anything. `mode`: where one side rests, only the other is looked at.
 */
export async function atRest(place: FaultPlace, load: Load, mode: Mode): Promise<Rest> {
  await load.stop();
  const { marks: marked, syncs, partial } = MODES[mode];
  const follows = marked && syncs;
  const marks = follows ? await place.operator.marksLeft() : 0;
  const differences = follows ? await place.operator.differences() : 0;
  // Where each side has records of its own, neither has all of them.
  const { legacy, new: fresh } = place.sides;
  if (mode !== 'new' && !partial)
    await load.checkStore('legacy store', versionsIn('clients', legacy.database.query));
  if (mode !== 'legacy' && !partial) await load.checkStore('new store', versionsIn('clients', fresh.query));
  const report = await load.checkApi(place.urls());
  load.resume();
  const { lost, olderReads: older, wrongReads: wrong, unknown } = report;
  return { lost, older, wrong, unknown, marks, differences };
}

/** Waits until clients get through again: another `count` of their writes are acknowledged. */
export async function writesGoOn(load: Load, count = 5): Promise<void> {
  const acknowledged = () => Object.values(load.report().acknowledged).reduce((sum, n) => sum + n, 0);
  const before = acknowledged();
  await until(() => acknowledged() >= before + count, { what: 'writes are acknowledged again' });
}

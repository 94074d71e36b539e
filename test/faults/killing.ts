import type { Failpoint } from '../../src/observability/failpoints.ts';
import { MODES } from '../../src/domain/modes.ts';
import type { Mode } from '../../src/domain/words.ts';
import type { Teardown } from '../harness/postgres.ts';
import { until } from '../harness/wait.ts';
import type { Load } from '../load/load.ts';
import { atRest, openFaultPlace, writesGoOn, type FaultPlace, type Rest } from './place.ts';

/** Where each step is killed: on the way up to `shadow`, with legacy as primary, or from there to `live` and back. */
export const STEPS = {
  towardsShadow: [
    'switch.drain',
    'switch.acked',
    'switch.open',
    'backfill.noted',
    'backfill.read',
    'backfill.chunk',
    'write.before-mark',
    'write.marked',
    'write.answered',
    'sync.noted',
    'sync.read',
    'sync.before-commit',
    'sync.committed',
    'idempotency.begun',
  ],
  towardsLive: [
    'switch.drain',
    'switch.acked',
    'switch.switch',
    'switch.open',
    'sync.leased',
    'sync.sent',
    'sync.settled',
    'idempotency.done',
  ],
  towardsMerged: [
    'switch.acked',
    'move.read',
    'move.before-commit',
    'backfill.chunk',
    'sync.leased',
    'sync.sent',
  ],
  /** In requests.test.ts: each at its own time, and their clients ask again. */
  inBatch: ['batch.send', 'write.answered', 'idempotency.done'],
} as const satisfies Record<string, readonly Failpoint[]>;

/**
 * kill -9 of a real gateway at named steps, under load. Each process takes over from the one that died before it, and
 * dies at a step of its own.
 */
export interface Killing {
  place: FaultPlace;
  load: Load;
  reached: Set<Failpoint>;
  /**
   * Starts a process that dies at a step, and waits until it has. `asking`: what the file asks for meanwhile. `nth`: when
   * it comes there for the nth time.
   */
  dieAt(point: Failpoint, asking?: Mode, nth?: number): Promise<void>;
  /** Starts one that lives, and compares everything at rest. */
  goOn(mode: Mode): Promise<Rest>;
}

/** Steps that every request comes to: a process dies at its third one, so that it has answered some. */
const OFTEN = /^(write|sync|idempotency)\./;

function usualTime(point: Failpoint): number {
  if (OFTEN.test(point)) return 3;
  return point === 'backfill.chunk' ? 2 : 1;
}

export async function openKilling(t: Teardown): Promise<Killing> {
  const place = await openFaultPlace(t);
  const load = await place.load();
  t.teardown(async () => await load.stop());
  const reached = new Set<Failpoint>();
  return {
    place,
    load,
    reached,
    dieAt: async (point, asking, nth = usualTime(point)) => {
      const doomed = await place.start(`${point}=kill@${nth}`);
      if (asking) await place.config.setMode('clients', asking);
      await until(() => !doomed.isRunning(), { what: `the gateway dies at ${point}`, timeout: 60_000 }).catch(
        async (error: unknown) => {
          const state = JSON.stringify(await place.operator.state());
          throw new Error(`${(error as Error).message}; ${state}\n${doomed.output()}`, { cause: error });
        },
      );
      if (doomed.endedBy() !== 'SIGKILL') throw new Error(`it ended before ${point}:\n${doomed.output()}`);
      reached.add(point);
    },
    goOn: async (mode) => {
      await place.start();
      await place.operator.whenIn(mode);
      if (MODES[mode].backfill) await place.operator.whenFilled();
      await writesGoOn(load);
      return await atRest(place, load, mode);
    },
  };
}

/** Answers that no client may get, whatever died. */
export function wrongAnswers(load: Load): unknown[] {
  const { failedRequests } = load.report();
  return failedRequests.filter(({ status, code }) => status === 500 || code.startsWith('no-envelope'));
}

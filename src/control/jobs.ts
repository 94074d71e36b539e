import { MODES } from '../domain/modes.ts';
import type { ResourceState } from '../domain/words.ts';
import type { Log } from '../observability/log.ts';
import { fill } from '../replication/fill.ts';
import type { BoundResource } from '../replication/resource.ts';
import type { Syncer } from '../replication/syncer.ts';
import { verify } from '../replication/verify.ts';
import { lastVerify, readBackfill } from '../state/jobs.ts';

/** A job that failed is begun again after this long; ms. */
const RETRY = 5_000;

/**
 * Backfill and verify that nobody has to ask for: begun on the entry into `dual-write` (`backfill.start: auto`) and
 * after a backfill (`verify.start: auto`). Every replica offers itself; the job's row decides who does it.
 */
export class Jobs {
  private readonly running = new Map<string, Promise<void>>();
  private readonly restUntil = new Map<string, number>();
  private readonly stop = new AbortController();
  private readonly log: Log;

  constructor(log: Log) {
    this.log = log;
  }

  /** Begins what is due for a resource, unless it runs here already. */
  offer(resource: BoundResource, state: ResourceState, syncer: Syncer): void {
    const due = MODES[state.mode].backfill !== null && state.stage === 'open';
    if (!due || this.running.has(resource.name) || this.stop.signal.aborted) return;
    if ((this.restUntil.get(resource.name) ?? 0) > performance.now()) return;
    const job = this.run(resource, state, syncer)
      .catch((error: unknown) => {
        this.restUntil.set(resource.name, performance.now() + RETRY);
        this.log.warn(
          { resource: resource.name, error: (error as Error).message },
          'a job stopped; it will go on',
        );
      })
      .finally(() => this.running.delete(resource.name));
    this.running.set(resource.name, job);
  }

  async close(): Promise<void> {
    this.stop.abort();
    await Promise.allSettled(this.running.values());
  }

  private async run(
    resource: BoundResource,
    { generation, mode }: ResourceState,
    syncer: Syncer,
  ): Promise<void> {
    const { database, name, settings } = resource;
    const { signal } = this.stop;
    const filled = await readBackfill(database, name, generation);
    if (filled?.status !== 'done') {
      if (settings.backfill.start !== 'auto' || filled?.holder) return;
      this.log.info({ resource: name, generation, from: filled?.lastKey ?? null }, 'backfill begins');
      const syncParents = async (records: Parameters<Syncer['syncParents']>[0]) =>
        await syncer.syncParents(records);
      const done = await fill(resource, mode, { generation, again: false, syncParents, signal });
      if (done)
        this.log.info(
          { resource: name, visited: done.visited, setAside: done.setAside },
          'backfill is complete',
        );
      return;
    }
    if (settings.verify.start !== 'auto') return;
    const last = await lastVerify(database, name);
    if (
      last &&
      (last.status === 'running' || Date.parse(last.startedAt) > Date.parse(filled.finishedAt ?? ''))
    )
      return;
    const run = await verify(resource, { generation, signal });
    if (run)
      this.log.info(
        { resource: name, differences: run.differences, unsettled: run.unsettled },
        'verify is complete',
      );
  }
}

import type { ResourceName } from '../domain/words.ts';
import type { AnswerCache } from './cache.ts';
import type { Routes } from '../control/routes.ts';
import type { Comparer } from '../replication/comparer.ts';
import type { Log } from '../observability/log.ts';
import type { BoundResource } from '../replication/resource.ts';
import type { Syncer } from '../replication/syncer.ts';

/** Everything that the request path needs of one resource. */
export interface ResourceRuntime {
  resource: BoundResource;
  routes: Routes;
  syncer: Syncer;
  comparer: Comparer;
  /** Answers of reads that are kept; every write must be told to it. */
  answers: AnswerCache;
  /** Another resource's, for what refers to it. */
  peer: (resource: ResourceName) => ResourceRuntime | undefined;
  log: Log;
  /** Name under which this process marks. */
  replica: string;
}

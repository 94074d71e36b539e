import type { Routes } from '../control/routes.ts';
import type { Comparer } from '../replication/comparer.ts';
import type { BoundResource } from '../replication/resource.ts';
import type { Syncer } from '../replication/syncer.ts';

/** Everything that the request path needs of one resource. */
export interface ResourceRuntime {
  resource: BoundResource;
  routes: Routes;
  syncer: Syncer;
  comparer: Comparer;
  /** Name under which this process marks. */
  replica: string;
}

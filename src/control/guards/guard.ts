import type { Step } from '../../domain/modes.ts';
import type { Database } from '../../domain/sql.ts';
import type { ResourceState } from '../../domain/words.ts';
import type { BoundResource } from '../../replication/resource.ts';

/** What a guard looks at. */
export interface GuardContext {
  database: Database;
  resource: BoundResource;
  state: ResourceState;
  step: Step;
  /** Where other resources are: parents and children by reference. */
  stateOf: (resource: string) => ResourceState | undefined;
  /** Resources whose records this one's refer to. */
  parents: readonly BoundResource[];
  /** Resources whose records refer to this one's. */
  children: readonly BoundResource[];
}

/** Why a guard does not let a switch pass, what clears it, and how long that may take. */
export interface Refusal {
  reason: string;
  clears: string;
  /** Estimated milliseconds, or null where nobody can say. */
  eta: number | null;
}

/** A condition that a switch needs. One file each; a new guard is a file and a line in `index.ts`. */
export interface Guard {
  name: string;
  /** In a few words, for lists. */
  title: string;
  /** Steps that need it, as `from>to`. */
  steps: readonly `${string}>${string}`[];
  check(context: GuardContext): Promise<Refusal | null>;
}

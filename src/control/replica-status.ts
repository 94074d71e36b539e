import type { Database } from '../domain/sql.ts';
import { canonicalTimestamp } from '../domain/values.ts';
import type { ResourceName, ResourceState } from '../domain/words.ts';
import { listAcks, listReplicas, readFiles } from '../state/replicas.ts';

/** One registered gateway process as the others see it. */
export interface ReplicaStatus {
  name: string;
  host: string;
  pid: number;
  startedAt: string;
  seenAt: string;
  /** Whether it was seen in the last ten seconds. */
  fresh: boolean;
  /** Whether another process has the same name: they take each other off. */
  contested: boolean;
  /** What it said last of each resource. `behind`: the resource has moved on since. */
  acknowledged: { resource: ResourceName; epoch: number; mode: string; route: string; behind: boolean }[];
  /** Null before it has taken a file. */
  file: {
    hash: string;
    /** The names of replicas whose file is another one. */
    differsFrom: string[];
    /** Why the file is refused, each with its line; null: it is in force. */
    problems: string[] | null;
  } | null;
}

export async function readReplicaStatus(
  database: Database,
  states: readonly ResourceState[],
): Promise<ReplicaStatus[]> {
  const replicas = await listReplicas(database);
  const names = new Set(replicas.map(({ name }) => name));
  // Files are kept across restarts; those of replicas that have gone say nothing about now.
  const files = (await readFiles(database)).filter(({ replica }) => names.has(replica));
  const acks = await Promise.all(
    states.map(async (state) => ({ state, acks: await listAcks(database, state.resource) })),
  );
  return replicas.map(({ name, host, pid, startedAt, seenAt, fresh, contested }) => {
    const file = files.find(({ replica }) => replica === name);
    const others = files.filter(({ hash }) => file && hash !== file.hash).map(({ replica }) => replica);
    return {
      name,
      host,
      pid,
      startedAt: canonicalTimestamp(startedAt) ?? startedAt,
      seenAt: canonicalTimestamp(seenAt) ?? seenAt,
      fresh,
      contested,
      acknowledged: acks.flatMap(({ state, acks: ofResource }) =>
        ofResource
          .filter(({ replica }) => replica === name)
          .map(({ epoch, mode, route }) => ({
            resource: state.resource,
            epoch,
            mode,
            route,
            behind: epoch < state.epoch,
          })),
      ),
      file: file ? { hash: file.hash, differsFrom: others, problems: file.problems } : null,
    };
  });
}

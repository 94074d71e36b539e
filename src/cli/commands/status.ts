import { readOperationStatus } from '../../control/operation-status.ts';
import { readReplicaStatus } from '../../control/replica-status.ts';
import { readResourceStatus, type ResourceStatus } from '../../control/resource-status.ts';
import type { ResourceState } from '../../domain/words.ts';
import { openDifferences } from '../../state/ledger.ts';
import { readStates } from '../../state/resources.ts';
import { readWanted } from '../../state/wanted.ts';
import type { CommandModule } from '../command.ts';
import { EXIT } from '../exit-codes.ts';
import { Session } from '../session.ts';
import { operationLines } from '../status/operations.ts';
import { replicaLines } from '../status/replicas.ts';
import { resourceLines } from '../status/resource.ts';
import { overview } from '../status/overview.ts';

/** How many differing records are listed of one resource. */
const LISTED = 100;

export const run: CommandModule['run'] = async (invocation, [name]) =>
  await Session.with(invocation, async (session) => {
    const { terminal } = invocation;
    const { file, hash } = session.binding.snapshot;
    const states = name === undefined ? await readStates(session.database) : [await session.state(name)];
    const resources = await statusOf(session, states);
    const unregistered = name === undefined ? unknownYet(session, states) : [];
    const replicas = await readReplicaStatus(session.database, states);
    const operations =
      name === undefined
        ? await readOperationStatus(session.database, session.binding.snapshot.operations)
        : [];
    const differing = name === undefined ? undefined : await openDifferences(session.database, name, LISTED);
    const document = {
      file: { path: file, hash },
      resources,
      unregistered,
      operations,
      replicas,
      ...(differing && { differing }),
    };
    const shown = resources[0];
    const text = [
      ...(name !== undefined && shown
        ? resourceLines(terminal, shown, differing ?? [])
        : overview(terminal, resources)),
      ...unregistered.map(
        (other) =>
          `${other} is not registered yet: run "banyan migrate", or start the gateway with this file`,
      ),
      ...operationLines(terminal, operations),
      '',
      ...replicaLines(terminal, replicas, hash),
    ];
    return { exit: EXIT.done, document, text };
  });

async function statusOf(session: Session, states: readonly ResourceState[]): Promise<ResourceStatus[]> {
  const { binding, database, switching } = session;
  const asked = await readWanted(database);
  const known = states.filter(({ resource }) => binding.resources.has(resource));
  return await Promise.all(
    known.map(async (state) => {
      const wanted = asked.find(({ resource }) => resource === state.resource);
      return await readResourceStatus({
        database,
        switching,
        resource: session.resource(state.resource),
        state,
        wanted,
      });
    }),
  );
}

function unknownYet({ binding }: Session, states: readonly ResourceState[]): string[] {
  return [...binding.resources.keys()].filter((name) => !states.some(({ resource }) => resource === name));
}

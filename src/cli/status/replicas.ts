import type { ReplicaStatus } from '../../control/replica-status.ts';
import { ago } from '../format.ts';
import { table } from '../table.ts';
import type { Terminal } from '../terminal.ts';

/** A row per registered replica, and below it what is odd about one. `hash` is that of the file here. */
export function replicaLines(terminal: Terminal, replicas: readonly ReplicaStatus[], hash: string): string[] {
  if (replicas.length === 0) return ['No replica is registered: no gateway runs.'];
  const rows = replicas.map(({ name, host, pid, seenAt, fresh, file, acknowledged }) => [
    name,
    `${host} ${pid}`,
    fresh ? 'now' : terminal.paint('red', ago(seenAt)),
    file ? file.hash.slice(0, 8) : '–',
    `${acknowledged.filter(({ behind }) => !behind).length} of ${acknowledged.length}`,
  ]);
  const lines = table(terminal, ['replica', 'host and process', 'seen', 'file', 'up to date'], rows);
  return [...lines, ...replicas.flatMap((replica) => oddities(terminal, replica, hash))];
}

function oddities(
  terminal: Terminal,
  { name, fresh, contested, file, acknowledged }: ReplicaStatus,
  hash: string,
): string[] {
  const odd: string[] = [];
  if (!fresh) odd.push(`is silent; if it has stopped for sure: banyan replica-stopped ${name} --reason "…"`);
  if (contested)
    odd.push(
      'shares its name with another process, and they take each other off: give each its server.replica',
    );
  for (const { resource, epoch, route } of acknowledged.filter(({ behind }) => behind)) {
    odd.push(`has acknowledged ${resource} up to epoch ${epoch} (it reads ${route})`);
  }
  if (file && file.differsFrom.length > 0) odd.push(`has another file than ${file.differsFrom.join(', ')}`);
  if (file?.problems) odd.push(...file.problems.map((problem) => `refuses its file: ${problem}`));
  else if (file && file.hash !== hash) odd.push('has another file than the one here');
  return odd.map((text) => `${terminal.bad} ${name} ${text}`);
}

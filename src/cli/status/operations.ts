import type { OperationStatus } from '../../control/operation-status.ts';
import { count } from '../format.ts';
import { table } from '../table.ts';
import type { Terminal } from '../terminal.ts';

/** How many differing requests of an operation are shown; `--json` has more. */
const SHOWN = 3;

/** A row per operation with a mode of its own, and below it which requests the sides answer differently. */
export function operationLines(terminal: Terminal, operations: readonly OperationStatus[]): string[] {
  if (operations.length === 0) return [];
  const rows = operations.map(({ operation, mode, comparisons: { compared, differed, dropped } }) => [
    operation,
    mode,
    count(compared),
    differed > 0 ? terminal.paint('red', count(differed)) : count(differed),
    count(dropped),
  ]);
  const lines = table(terminal, ['operation', 'mode', 'compared', 'differed', 'not compared'], rows);
  for (const { operation, differences } of operations) {
    for (const { key, kind, fields, lastSeen } of differences.first.slice(0, SHOWN)) {
      const what = kind === 'different' ? `differs in ${fields.join(', ')}` : 'failed on the new side';
      lines.push(`${terminal.bad} ${operation}: request ${key} ${what}, last at ${lastSeen}`);
    }
  }
  return ['', ...lines];
}

import type { ResourceStatus } from '../../control/resource-status.ts';
import { count, counted, duration } from '../format.ts';
import { table } from '../table.ts';
import type { Terminal } from '../terminal.ts';

const HEAD = ['resource', 'mode', 'wanted', 'marks', 'lag', 'backfill', 'verify', 'differ', 'rollback'];

/** A row per resource, and below it why what is wanted is not so. */
export function overview(terminal: Terminal, resources: readonly ResourceStatus[]): string[] {
  const lines = table(
    terminal,
    HEAD,
    resources.map((resource) => row(terminal, resource)),
  );
  for (const { resource, wanted, difference, refused } of resources) {
    if (difference) lines.push(`${terminal.bad} ${resource}, wanted ${wanted.mode}: ${difference}`);
    const [first] = refused.first;
    if (first)
      lines.push(`${terminal.bad} ${resource}: the other side refuses ${first.key}: ${first.reason}`);
    if (refused.dead > 0)
      lines.push(
        `${terminal.bad} ${resource}: ${counted(refused.dead, 'dead letter')}; banyan dead-letters list ${resource}`,
      );
  }
  return lines;
}

function row(terminal: Terminal, status: ResourceStatus): string[] {
  const { resource, mode, state, wanted, journal, differences, rollback } = status;
  const stage = state.stage === 'open' ? '' : ` (${state.stage})`;
  return [
    resource,
    `${mode}${stage}${state.retired ? ' (retired)' : ''}`,
    wanted.mode === mode ? '' : wanted.mode,
    count(journal.marks),
    journal.oldest === null ? '–' : duration(journal.oldest),
    backfillCell(status),
    verifyCell(status),
    count(differences.open),
    rollback.to === null
      ? '–'
      : rollback.ready
        ? terminal.paint('green', 'ready')
        : terminal.paint('red', 'not ready'),
  ];
}

function backfillCell({ backfill }: ResourceStatus): string {
  if (!backfill) return '–';
  if (backfill.status === 'done') return 'complete';
  const percent = backfill.total > 0 ? Math.floor((backfill.visited / backfill.total) * 100) : 0;
  return backfill.holder ? `${percent} %` : `${percent} %, resting`;
}

function verifyCell({ verify }: ResourceStatus): string {
  if (!verify) return '–';
  if (verify.status === 'running') return 'running';
  return verify.differences + verify.unsettled === 0 ? 'equal' : 'differs';
}

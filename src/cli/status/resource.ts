import type { ResourceStatus } from '../../control/resource-status.ts';
import type { LedgerEntry } from '../../state/ledger.ts';
import { ago, count, counted, duration } from '../format.ts';
import type { Terminal } from '../terminal.ts';

/** How many records of a kind are shown; `--json` has more. */
const SHOWN = 5;

/** One resource, everything that is known of it; a line a matter. */
export function resourceLines(
  terminal: Terminal,
  status: ResourceStatus,
  differing: readonly LedgerEntry[],
): string[] {
  const matters: readonly (readonly [string, readonly string[]])[] = [
    ['mode', mode(status)],
    ['wanted', wanted(status)],
    ['journal', journal(status)],
    ['refused', refused(status)],
    ['backfill', backfill(status)],
    ['verify', verify(status)],
    ['differences', differences(status, differing)],
    ['compared', compared(status)],
    ['rollback', rollback(terminal, status)],
    ['last switch', lastSwitch(status)],
  ];
  const width = Math.max(...matters.map(([title]) => title.length)) + 2;
  const lines = matters.flatMap(([title, texts]) =>
    texts.map((text, index) => `  ${terminal.paint('dim', (index === 0 ? title : '').padEnd(width))}${text}`),
  );
  return [terminal.paint('bold', status.resource), ...lines];
}

function mode({ mode: actual, since, state, waitsFor }: ResourceStatus): string[] {
  const lines = [
    `${actual}${state.retired ? ', retired: no way back' : ''}, since ${since} (${ago(since)}), epoch ${state.epoch}`,
  ];
  if (state.stage !== 'open') {
    lines.push(
      `${state.stage}: from ${state.previousMode} to ${state.nextMode}${waitsFor ? `, waits for ${waitsFor}` : ''}`,
    );
  }
  return lines;
}

function wanted({ wanted: asked, file, mode: actual, difference }: ResourceStatus): string[] {
  const by = asked.actor ? `, asked for by ${asked.actor} at ${asked.at}` : ', as the file says';
  const lines = [`${asked.mode}${by}`];
  if (difference) lines.push(`not so: ${difference}`);
  if (file !== asked.mode || file !== actual) lines.push(`this file says ${file}`);
  return lines;
}

function journal({ journal: { marks, pending, leases, failing, oldest } }: ResourceStatus): string[] {
  if (marks + leases + failing === 0) return ['empty'];
  const lag = oldest === null ? '' : `, the oldest for ${duration(oldest)}`;
  return [
    `${counted(marks, 'mark')} (${count(pending)} pending)${lag}; ${counted(leases, 'lease')}; ${counted(failing, 'record')} refused`,
  ];
}

function backfill({ backfill: job }: ResourceStatus): string[] {
  if (!job) return ['not begun since the last entry into dual-write'];
  const rate = job.rate > 0 ? `, ${count(Math.round(job.rate))}/s` : '';
  if (job.status === 'done') return [`complete: ${counted(job.visited, 'record')}${rate}`];
  const left = job.remaining === null ? '' : `, ${duration(job.remaining)} left`;
  const resting = job.holder ? '' : `; nobody works on it now${job.note ? ` (${job.note})` : ''}`;
  return [`${count(job.visited)} of ${counted(job.total, 'record')}${rate}${left}${resting}`];
}

function refused({ refused: { backingOff, dead, first } }: ResourceStatus): string[] {
  if (backingOff + dead === 0) return [];
  return [
    `${counted(dead, 'dead letter')}, ${counted(backingOff, 'record')} tried again`,
    ...first
      .slice(0, SHOWN)
      .map(({ key, attempts, reason }) => `${key}: ${reason} (${counted(attempts, 'attempt')})`),
  ];
}

function verify({ verify: run }: ResourceStatus): string[] {
  if (!run) return ['never'];
  if (run.status === 'running')
    return [`under way, ${count(run.legacyRows + run.newRows)} of ${counted(run.total, 'row')}`];
  const found = `${counted(run.differences, 'difference')}${run.unsettled > 0 ? `, ${count(run.unsettled)} without a verdict` : ''}`;
  return [
    `${found} in ${count(run.legacyRows)} legacy and ${count(run.newRows)} new records, ${ago(run.startedAt)}`,
  ];
}

function differences(
  { differences: { open, byField } }: ResourceStatus,
  differing: readonly LedgerEntry[],
): string[] {
  if (open === 0) return ['none open'];
  const fields = Object.entries(byField).map(([what, n]) => `${what}: ${counted(n, 'record')}`);
  const first = differing
    .slice(0, SHOWN)
    .map(
      ({ key, kind, fields: names }) => `${key}: ${kind}${names.length > 0 ? ` in ${names.join(', ')}` : ''}`,
    );
  return [`${counted(open, 'record')} open`, ...fields, ...first];
}

function compared({ comparisons }: ResourceStatus): string[] {
  if (!comparisons) return [];
  const { compared: n, differed, noVerdict, dropped } = comparisons;
  return [
    `${counted(n, 'read')}, ${count(differed)} differed, ${count(noVerdict)} without a verdict, ${count(dropped)} not compared`,
  ];
}

function rollback(
  terminal: Terminal,
  { rollback: { to, ready, reasons, behind } }: ResourceStatus,
): string[] {
  if (to === null) return [];
  const drain = behind > 0 ? `, after ${counted(behind, 'mark')}` : '';
  if (ready) return [`${terminal.paint('green', 'ready')}, to ${to}${drain}`];
  return [`${terminal.paint('red', 'not ready')}, to ${to}`, ...reasons];
}

function lastSwitch({ lastSwitch: last }: ResourceStatus): string[] {
  if (!last) return [];
  const took = last.openedAt
    ? `, ${duration(Date.parse(last.openedAt) - Date.parse(last.startedAt))}`
    : ', under way';
  const ended =
    last.outcome === 'turned-round' ? `, turned round: ${last.note ?? 'its time was over'}` : took;
  const pauses = last.pauses.map(
    ({ replica, held, failed, p50, max }) =>
      `${replica}: ${counted(held, 'write')} held (p50 ${duration(p50)}, max ${duration(max)}), ${failed} failed`,
  );
  return [`${last.from} → ${last.to} by ${last.actor} at ${last.startedAt}${ended}`, ...pauses];
}

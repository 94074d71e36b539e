import type { Walk, WalkedStep } from '../control/switching.ts';
import type { Step } from '../domain/modes.ts';
import type { Mode, ResourceName } from '../domain/words.ts';
import type { Result } from './command.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';
import { counted, duration } from './format.ts';
import { guardLines, reportOf } from './guards.ts';
import type { Terminal } from './terminal.ts';

/** What became of `--write-file`. */
export interface FileReport {
  written: boolean;
  problem: string | null;
}

/** A walk that has ended, with what it was asked. */
export interface Moved {
  name: ResourceName;
  to: Mode;
  walk: Walk;
  /** What it waited for last, or null. */
  waitedFor: string | null;
  forced: ReadonlyMap<string, string>;
  file: FileReport | null;
}

export function moveResult(terminal: Terminal, moved: Moved): Result {
  const { name, to, walk, waitedFor, forced, file } = moved;
  const document = {
    resource: name,
    mode: walk.mode,
    asked: to,
    moved: walk.walked.some(({ record }) => record?.outcome === 'done'),
    steps: walk.walked.map(stepReport),
    refused: walk.refused && { ...plain(walk.refused.step), guards: reportOf(walk.refused.answers) },
    turnedRound: walk.turnedRound,
    waitedFor: walk.turnedRound ? waitedFor : null,
    forced: Object.fromEntries(forced),
    file,
  };
  return { exit: exitOf(moved), document, text: textOf(terminal, moved) };
}

function exitOf({ walk, file }: Moved): ExitCode {
  if (walk.turnedRound) return EXIT.turnedRound;
  if (walk.refused) return EXIT.refused;
  return file && !file.written ? EXIT.failed : EXIT.done;
}

const plain = ({ from, to, kind }: Step) => ({ from, to, kind });

/** `writes` is null where no replica reported: none runs. */
function stepReport({ step, record, pauses }: WalkedStep) {
  const milliseconds = record?.openedAt ? Date.parse(record.openedAt) - Date.parse(record.startedAt) : null;
  return {
    ...plain(step),
    outcome: record?.outcome ?? null,
    note: record?.note ?? null,
    milliseconds,
    writes: summed(pauses),
    pauses,
  };
}

/** Over all replicas: the longest pause, and the p50 of the one that held most. */
function summed(pauses: WalkedStep['pauses']) {
  const [most] = [...pauses].sort((a, b) => b.held - a.held);
  if (!most) return null;
  const sum = (of: (pause: (typeof pauses)[number]) => number) =>
    pauses.reduce((total, pause) => total + of(pause), 0);
  return {
    held: sum((pause) => pause.held),
    failed: sum((pause) => pause.failed),
    p50: most.p50,
    max: Math.max(...pauses.map(({ max }) => max)),
  };
}

function textOf(terminal: Terminal, { name, to, walk, waitedFor, forced, file }: Moved): string[] {
  const lines = walk.walked.flatMap((walked) => stepLines(terminal, name, walked));
  if (walk.turnedRound) {
    const why = waitedFor ? `: it waited for ${waitedFor}` : '';
    lines.push(`${terminal.bad} The switch ${walk.turnedRound}${why}.`, `  ${name} is in mode ${walk.mode}.`);
  } else if (walk.refused) {
    const { step, answers } = walk.refused;
    lines.push(`${terminal.bad} ${name} stays in mode ${walk.mode}: the step to ${step.to} is refused.`);
    lines.push(
      ...guardLines(
        terminal,
        reportOf(answers).filter(({ met }) => !met),
        forced,
      ),
    );
  } else if (walk.walked.length === 0) lines.push(`${name} is in mode ${to} already.`);
  if (file)
    lines.push(
      file.written ? 'The file says so too.' : `${terminal.bad} The file was not changed: ${file.problem}`,
    );
  return lines;
}

function stepLines(terminal: Terminal, name: ResourceName, walked: WalkedStep): string[] {
  const { from, to, kind, outcome, milliseconds, writes } = stepReport(walked);
  if (outcome !== 'done') return [];
  const lines = [
    `${terminal.good} ${name} ${from} → ${to}${milliseconds === null ? '' : `, ${duration(milliseconds)}`}`,
  ];
  if (kind !== 'flip') return lines;
  if (!writes) return [...lines, '    no replica reported: no writes were held'];
  const { held, failed, p50, max } = writes;
  return [
    ...lines,
    `    ${counted(held, 'write')} held (p50 ${duration(p50)}, max ${duration(max)}), ${failed} failed`,
  ];
}

import { cpus, totalmem } from 'node:os';
import Table from 'cli-table3';

/** One line of the result. */
export interface Finding {
  /** What was measured, e.g. `legacy, GET one`. */
  what: string;
  /** What stands in the denominator, and the two figures, in words with units. */
  against: string;
  /** The figure that the aim is about: a ratio, or milliseconds. */
  result: number;
  /** Null: only for information. */
  aim: { atLeast: number } | { atMost: number } | null;
  /** Anything that a reader should know beside the figure. */
  note?: string;
}

export function isMet({ result, aim }: Finding): boolean | null {
  if (!aim) return null;
  return 'atLeast' in aim ? result >= aim.atLeast : result <= aim.atMost;
}

function aimText({ aim }: Finding): string {
  if (!aim) return '';
  return 'atLeast' in aim ? `≥ ${aim.atLeast}` : `≤ ${aim.atMost}`;
}

const VERDICTS = new Map([
  [true, 'met'],
  [false, 'MISSED'],
]);

export function printReport(findings: readonly Finding[]): void {
  const table = new Table({
    head: ['measured', 'figures', 'result', 'aim', '', 'note'],
    colWidths: [30, 44, 8, 8, 8, 50],
    wordWrap: true,
    style: { head: [], border: [] },
  });
  for (const finding of findings) {
    const verdict = VERDICTS.get(isMet(finding) as boolean) ?? '';
    table.push([
      finding.what,
      finding.against,
      round(finding.result),
      aimText(finding),
      verdict,
      finding.note ?? '',
    ]);
  }
  const missed = findings.filter((finding) => isMet(finding) === false).map(({ what }) => what);
  const aims = findings.filter(({ aim }) => aim).length;
  console.log(table.toString());
  console.log(machine());
  console.log(
    `${aims - missed.length} of ${aims} aims met${missed.length ? `; missed: ${missed.join(', ')}` : ''}`,
  );
}

/** What the figures were measured on. */
function machine(): string {
  const [first] = cpus();
  const memory = Math.round(totalmem() / 2 ** 30);
  return `${cpus().length} × ${first?.model.trim() ?? 'unknown CPU'}, ${memory} GiB, Node ${process.version}, ${process.platform}`;
}

/** Three significant digits, and no more than two after the point. */
export function round(value: number): string {
  if (!Number.isFinite(value)) return '–';
  if (Math.abs(value) >= 100) return Math.round(value).toLocaleString('en-US');
  return String(Number(value.toFixed(2)));
}

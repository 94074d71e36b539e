import { columns } from './columns.ts';
import type { Finding } from '../load/model.ts';
import { type LoadReport, type Sample, quantile } from '../load/tally.ts';
import type { Rest } from './road.ts';
import type { SwitchFigures } from './switches.ts';

/** Everything that the tour found out. */
export interface TourResult {
  load: LoadReport;
  rests: readonly Rest[];
  marks: number;
  /** Switches of the undisturbed way, and of the one with kills. */
  undisturbed: readonly SwitchFigures[];
  disturbed: readonly SwitchFigures[];
}

/** One line of the table; `zero`: anything else than 0 fails the tour. */
interface Line {
  title: string;
  value: number | string;
  zero: boolean;
}

export function linesOf({ load, rests, marks, undisturbed, disturbed }: TourResult): Line[] {
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
  const blamed = (blame: string) => load.failedRequests.filter((failure) => failure.blame === blame);
  const heldInVain = sum([...undisturbed, ...disturbed].map(({ failed }) => failed));
  const others = blamed('other').filter(({ code }) => code !== 'idempotency-in-progress');
  const improper = others.filter(({ code }) => code === 'internal' || code.startsWith('no-envelope'));
  return [
    { title: 'writes acknowledged', value: sum(Object.values(load.acknowledged)), zero: false },
    { title: 'reads checked', value: load.reads, zero: false },
    { title: 'attempts that met a killed process', value: blamed('process').length, zero: false },
    { title: 'requests that a store was too slow for', value: others.length - improper.length, zero: false },
    { title: 'pause of a switch: p50, max (ms)', value: pauseOf(undisturbed), zero: false },
    { title: 'the same with a gateway killed', value: pauseOf(disturbed), zero: false },
    { title: 'acknowledged writes lost', value: load.lost.length, zero: true },
    { title: 'older reads after an acknowledgement', value: load.olderReads.length, zero: true },
    { title: 'wrong reads', value: load.wrongReads.length, zero: true },
    { title: 'writes whose outcome nobody knows', value: load.unknown, zero: true },
    {
      title: 'requests failed by a switch',
      value: Math.max(blamed('switch').length, heldInVain),
      zero: true,
    },
    { title: 'answers without a proper error', value: improper.length, zero: true },
    {
      title: 'differences that verify found',
      value: sum(rests.map(({ differences }) => differences)),
      zero: true,
    },
    { title: 'marks left', value: marks + sum(rests.map((rest) => rest.marks)), zero: true },
  ];
}

/** Of all switches that held writes. */
function pauseOf(switches: readonly SwitchFigures[]): string {
  const held = switches.filter((figures) => figures.held > 0);
  if (held.length === 0) return 'none';
  const most = (of: (figures: SwitchFigures) => number) => Math.max(...held.map(of)).toFixed(0);
  return `${most(({ p50 }) => p50)}, ${most(({ max }) => max)}`;
}

export function isSound(lines: readonly Line[]): boolean {
  return lines.every(({ value, zero }) => !zero || value === 0);
}

export function printResult(result: TourResult, write: (text: string) => void): boolean {
  const lines = linesOf(result);
  write(`\nSwitches without trouble (milliseconds)\n${switchTable(result.undisturbed)}`);
  write(
    `\nSwitches with a gateway killed (a killed process's marks run to their deadline)\n${switchTable(result.disturbed)}`,
  );
  write(`\n${latencies(result.load.samples)}`);
  const rows = lines.map(({ title, value, zero }) => [
    title,
    String(value),
    zero ? (value === 0 ? '✓' : '✗ must be 0') : '',
  ]);
  write(`\n${columns(rows)}`);
  printFindings(result.load, write);
  return isSound(lines);
}

const HEAD = ['switch', 'took', 'writes held', 'p50', 'max', 'clients p50', 'clients max'];

function switchTable(switches: readonly SwitchFigures[]): string {
  const ms = (value: number) => value.toFixed(value < 10 ? 1 : 0);
  const rows = switches.map(({ from, to, outcome, took, held, p50, max, clients }) => {
    const title = `${from} → ${to}${outcome === 'done' ? '' : ` (${outcome ?? 'not ended'})`}`;
    return [title, ms(took), String(held), ms(p50), ms(max), ms(clients.p50), ms(clients.max)];
  });
  return columns([HEAD, ...rows]);
}

function latencies(samples: readonly Sample[]): string {
  const isRead = ({ kind }: Sample) => kind === 'detail' || kind === 'list';
  const text = (name: string, of: readonly Sample[]) =>
    `${name}: p50 ${quantile(of, 0.5).toFixed(1)} ms, p99 ${quantile(of, 0.99).toFixed(1)} ms`;
  return `All the way: ${text('reads', samples.filter(isRead))}; ${text(
    'writes',
    samples.filter((sample) => !isRead(sample)),
  )}.`;
}

const SHOWN = 20;

function printFindings(load: LoadReport, write: (text: string) => void): void {
  const findings: Finding[] = [...load.lost, ...load.olderReads, ...load.wrongReads];
  for (const { kind, key, text } of findings.slice(0, SHOWN)) write(`  ${kind} ${key}: ${text}`);
  const failures = load.failedRequests.filter(({ blame }) => blame !== 'process');
  const kinds = new Map<string, number>();
  for (const { kind, status, code } of failures) {
    const name = `${kind} ${status} ${code}`;
    kinds.set(name, (kinds.get(name) ?? 0) + 1);
  }
  for (const [name, count] of kinds) write(`  ${count} × ${name}`);
}

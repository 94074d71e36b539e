import { type Load, type Shape, saturate, steady } from './load.ts';
import type { Server } from './place.ts';
import { round, type Finding } from './report.ts';
import { median } from './statistics.ts';

/** How long everything takes; see run.ts. */
export interface Effort {
  /** Pairs of runs, one after the other. */
  rounds: number;
  /** Of each run. */
  seconds: number;
  /** Rows of the large memory test. */
  many: number;
}

/** Two servers that are asked the same, in turn, so that whatever else the machine does meets both. */
export interface Pair {
  /** The gateway. */
  ours: Server;
  /** What it is measured against. */
  other: Server;
  shape: Shape;
}

/** Loads of both, pair by pair. The order turns round at each pair: neither is always first. */
async function alternate(
  { ours, other }: Pair,
  rounds: number,
  load: (server: Server, warm: boolean) => Promise<Load>,
): Promise<{ ours: Load; other: Load }[]> {
  for (const server of [ours, other]) await load(server, true);
  const pairs: { ours: Load; other: Load }[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const first = round % 2 === 0 ? ours : other;
    const a = await load(first, false);
    const b = await load(first === ours ? other : ours, false);
    pairs.push(first === ours ? { ours: a, other: b } : { ours: b, other: a });
  }
  return pairs;
}

function medianOf(
  pairs: readonly { ours: Load; other: Load }[],
  of: 'ours' | 'other',
  figure: keyof Load,
): number {
  return median(pairs.map((pair) => pair[of][figure]));
}

/** Requests a second at saturation: ours as a share of the other's; the median of the pairs. */
export async function compareThroughput(
  what: string,
  pair: Pair,
  effort: Effort,
  aim: Finding['aim'],
): Promise<Finding> {
  const pairs = await alternate(pair, effort.rounds, (server, warm) =>
    saturate(server, pair.shape, warm ? 2 : effort.seconds),
  );
  return {
    what,
    against: `${round(medianOf(pairs, 'ours', 'perSecond'))}/s against ${round(medianOf(pairs, 'other', 'perSecond'))}/s`,
    result: median(pairs.map(({ ours, other }) => ours.perSecond / other.perSecond)),
    aim,
    note: `${cpuText(pairs)}; ${failedText(pairs)}`,
  };
}

/** A latency at a fixed rate, or at saturation (`rate` null): ours as a multiple of the other's; the median of the pairs. */
export async function compareLatency(
  what: string,
  pair: Pair,
  { rounds, seconds }: Effort,
  { figure, rate, aim }: { figure: 'p50' | 'p99'; rate: number | null; aim: Finding['aim'] },
): Promise<Finding> {
  const pairs = await alternate(pair, rounds, (server, warm) =>
    rate === null
      ? saturate(server, pair.shape, warm ? 2 : seconds)
      : steady(server, pair.shape, rate, warm ? 2 : seconds),
  );
  const rates = `${round(medianOf(pairs, 'ours', 'perSecond'))}/s and ${round(medianOf(pairs, 'other', 'perSecond'))}/s`;
  return {
    what,
    against: `${figure} ${round(medianOf(pairs, 'ours', figure))} ms against ${round(medianOf(pairs, 'other', figure))} ms`,
    result: median(pairs.map(({ ours, other }) => ours[figure] / other[figure])),
    aim,
    note: `${rate === null ? `saturated: ${rates}` : `${rate}/s`}; ${cpuText(pairs)}; ${failedText(pairs)}`,
  };
}

function cpuText(pairs: readonly { ours: Load; other: Load }[]): string {
  return `CPU per request ${round(medianOf(pairs, 'ours', 'cpu'))} µs against ${round(medianOf(pairs, 'other', 'cpu'))} µs`;
}

function failedText(pairs: readonly { ours: Load; other: Load }[]): string {
  const failed = pairs.reduce((sum, { ours, other }) => sum + ours.failed + other.failed, 0);
  return `${failed} failed`;
}

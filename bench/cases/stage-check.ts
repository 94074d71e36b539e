import { startLegacy } from '../gateways.ts';
import type { StageCheck, StageCheckAnswer, StageCheckInput } from '../jobs/stage-check.ts';
import { round, type Finding } from '../report.ts';
import { median } from '../statistics.ts';
import { migrated } from './backfill.ts';
import type { Case } from './case.ts';

const LOADS = [
  { title: '2,000/s, 12 connections', rate: 2_000, connections: 12 },
  { title: 'saturated, 12 connections', rate: null, connections: 12 },
  { title: 'saturated, 48 connections', rate: null, connections: 48 },
] as const;

const CHECKS: readonly StageCheck[] = ['row', 'advisory', 'both'];

/** How a mark makes sure of the stage: a shared lock on the resource's row, a shared advisory lock, or both (decision 1). */
export const stageCheck: Case = {
  name: 'stage-check',
  async run(place, effort) {
    const url = await migrated(place, await startLegacy(place, 0));
    const findings: Finding[] = [];
    for (const { title, rate, connections } of LOADS) {
      const found: Record<StageCheck, StageCheckAnswer[]> = { row: [], advisory: [], both: [] };
      for (let pass = 0; pass < effort.rounds; pass += 1) {
        for (const check of pass % 2 === 0 ? CHECKS : [...CHECKS].reverse()) {
          const input: StageCheckInput = { url, check, rate, connections, seconds: effort.seconds };
          found[check].push(await place.job<StageCheckAnswer>('stage-check', input));
        }
      }
      for (const check of CHECKS) {
        const shares = found[check].map(
          ({ perSecond }, pass) => perSecond / (found.row[pass]?.perSecond ?? NaN),
        );
        findings.push({
          what: `stage check by ${check}, ${title}`,
          against: text(found[check]),
          result: median(shares),
          aim: null,
          note: costText(found[check]),
        });
      }
    }
    return findings;
  },
};

function text(answers: readonly StageCheckAnswer[]): string {
  const of = (figure: 'perSecond' | 'p50' | 'p99') => round(median(answers.map((answer) => answer[figure])));
  return `${of('perSecond')}/s, p50 ${of('p50')} ms, p99 ${of('p99')} ms`;
}

function costText(answers: readonly StageCheckAnswer[]): string {
  const p50 = median(answers.map(({ step }) => step.p50));
  const max = Math.max(...answers.map(({ step }) => step.max));
  const of = (figure: 'wal' | 'cpu') => round(median(answers.map((answer) => answer[figure])));
  return `a mark costs ${of('cpu')} µs of CPU and ${of('wal')} bytes of log, a step waits p50 ${round(p50)} ms, max ${round(max)} ms`;
}

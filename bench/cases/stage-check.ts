import { startLegacy } from '../gateways.ts';
import type { StageCheck, StageCheckAnswer, StageCheckInput } from '../jobs/stage-check.ts';
import { round, type Finding } from '../report.ts';
import { median } from '../statistics.ts';
import { migrated } from './backfill.ts';
import type { Case } from './case.ts';

const LOADS = [
  { title: 'at 2,000/s, 12 connections', rate: 2_000, connections: 12 },
  { title: 'saturated, 12 connections', rate: null, connections: 12 },
  { title: 'saturated, 48 connections', rate: null, connections: 48 },
] as const;

/** How a mark makes sure of the stage: a shared lock on the resource's row against a shared advisory lock (decision 1). */
export const stageCheck: Case = {
  name: 'stage-check',
  async run(place, effort) {
    const url = await migrated(place, await startLegacy(place, 0));
    const findings: Finding[] = [];
    for (const { title, rate, connections } of LOADS) {
      const found: Record<StageCheck, StageCheckAnswer[]> = { row: [], advisory: [] };
      for (let pass = 0; pass < effort.rounds; pass += 1) {
        const order: StageCheck[] = pass % 2 === 0 ? ['row', 'advisory'] : ['advisory', 'row'];
        for (const check of order) {
          const input: StageCheckInput = { url, check, rate, connections, seconds: effort.seconds };
          found[check].push(await place.job<StageCheckAnswer>('stage-check', input));
        }
      }
      findings.push({
        what: `stage check, ${title}`,
        against: `row ${text(found.row)}; advisory ${text(found.advisory)}`,
        result: median(
          found.row.map(({ perSecond }, pass) => perSecond / (found.advisory[pass]?.perSecond ?? Number.NaN)),
        ),
        aim: null,
        note: `row: ${stepText(found.row)}; advisory: ${stepText(found.advisory)}`,
      });
    }
    return findings;
  },
};

function text(answers: readonly StageCheckAnswer[]): string {
  const of = (figure: 'perSecond' | 'p50' | 'p99') => round(median(answers.map((answer) => answer[figure])));
  return `${of('perSecond')}/s, p50 ${of('p50')} ms, p99 ${of('p99')} ms`;
}

function stepText(answers: readonly StageCheckAnswer[]): string {
  const p50 = median(answers.map(({ step }) => step.p50));
  const max = Math.max(...answers.map(({ step }) => step.max));
  return `a step waits p50 ${round(p50)} ms, max ${round(max)} ms`;
}

import { lint } from '../../replication/lint.ts';
import { readLint, type LintReport } from '../../state/lint.ts';
import type { Guard, GuardContext } from './guard.ts';

/** A resource whose rows are seen within this time needs no command of its own; ms. */
const WITHIN = 15_000;
/** A round trip that found something is not made again for a while: the file asks again and again; ms. */
const AGAIN = 30_000;

type Report = Omit<LintReport, 'finishedAt'>;

/** What goes over must be able to come back: every value of the real rows, before the first of them is copied. */
export const roundTripProved: Guard = {
  name: 'round-trip',
  title: 'every legacy value can go to the new side and come back',
  steps: ['legacy>dual-write', 'legacy>split', 'legacy>merged'],
  async check(context) {
    const { name } = context.resource;
    const report = await proof(context);
    const command = `banyan lint ${name}`;
    if (!report.complete) {
      return {
        reason: `${report.rows} rows were looked at, which are not all`,
        clears: `${command}, which takes its time`,
        eta: null,
      };
    }
    if (report.lost === 0) return null;
    const worst = report.findings
      .filter(({ severity }) => severity === 'lost')
      .slice(0, 3)
      .map(({ field, problem, count }) => `${field}: ${problem} (${count})`);
    return {
      reason: `${report.lost} values of ${report.rows} rows could not come back: ${worst.join('; ')}`,
      clears: `correct the mapping or the rows ("${command}" names them), then ${command}`,
      eta: null,
    };
  },
};

/** The last report where it still counts; else one that is made now. */
async function proof({ database, resource }: GuardContext): Promise<Report> {
  const last = await readLint(database, resource.name);
  if (last?.mapping === resource.mapping.fingerprint) {
    if (last.complete && last.lost === 0) return last;
    const rested = Date.now() - Date.parse(last.finishedAt);
    if (rested < AGAIN) return last;
  }
  return await lint(resource, { within: WITHIN });
}

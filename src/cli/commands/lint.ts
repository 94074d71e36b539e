import { cautionsOf } from '../../replication/cautions.ts';
import { lint } from '../../replication/lint.ts';
import type { LintFinding, LintReport } from '../../state/lint.ts';
import type { CommandModule, Result } from '../command.ts';
import { EXIT } from '../exit-codes.ts';
import { count, counted } from '../format.ts';
import { Pace, startProgress } from '../progress.ts';
import { Session } from '../session.ts';
import type { Terminal } from '../terminal.ts';

export const run: CommandModule['run'] = async (invocation, [name = '']) =>
  await Session.with(invocation, async (session) => {
    const resource = session.resource(name);
    const progress = await startProgress(invocation.terminal, `round trip of ${name}`);
    const pace = new Pace();
    try {
      const onProgress = (seen: number, total: number) => progress.show(pace.measure(seen, total));
      const report = await lint(resource, { within: null, onProgress });
      progress.end(`${counted(report.rows, 'row')}, nothing was written`);
      return resultOf(invocation.terminal, report, cautionsOf(resource));
    } catch (error) {
      progress.fail();
      throw error;
    }
  });

function resultOf(
  terminal: Terminal,
  report: Omit<LintReport, 'finishedAt'>,
  cautions: readonly string[],
): Result {
  const { resource, rows, complete, lost, reformed, findings } = report;
  const text = findings.flatMap((finding) => findingLines(terminal, finding));
  text.push(
    lost === 0
      ? `${terminal.good} Every value of ${resource} can go to the new side and come back.`
      : `${terminal.bad} ${counted(lost, 'value')} of ${resource} could not come back.`,
  );
  if (reformed > 0)
    text.push(`  ${counted(reformed, 'value')} come back in another form that means the same.`);
  text.push(...cautions.map((caution) => `${terminal.paint('yellow', '!')} ${caution}`));
  const document = { resource, rows, complete, lost, reformed, findings, cautions: [...cautions] };
  return { exit: lost === 0 ? EXIT.done : EXIT.differences, document, text };
}

function findingLines(terminal: Terminal, finding: LintFinding): string[] {
  const { field, severity, problem, count: n, samples } = finding;
  const mark = severity === 'lost' ? terminal.bad : '·';
  return [
    `${mark} ${terminal.paint('bold', field)}: ${problem}, ${count(n)}`,
    ...samples.map(({ key, detail }) => `    ${key}: ${detail}`),
  ];
}

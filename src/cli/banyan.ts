import { userInfo } from 'node:os';
import { resolve } from 'node:path';
import { Command, CommanderError, Option } from 'commander';
import { readEnvironment, withQuickstart } from '../config/environment.ts';
import { formatProblems } from '../config/format-problems.ts';
import type { CommandSpec, Invocation, Options } from './command.ts';
import { COMMANDS } from './commands.ts';
import { EXIT, EXIT_MEANINGS, type ExitCode } from './exit-codes.ts';
import { failureOf } from './failure.ts';
import { Terminal, type Sink } from './terminal.ts';

/** What a run of the command line has of its process. */
export interface Surroundings {
  stdout: Sink;
  stderr: Sink;
  env: Readonly<Record<string, string | undefined>>;
  /** Working folder: paths are relative to it. */
  folder: string;
}

const CONFIG = 'routes.config.yaml';

/** Runs one command line (without node and script) to its end; answers the exit status. Never throws. */
export async function run(argv: readonly string[], surroundings: Surroundings): Promise<ExitCode> {
  let exit: ExitCode = EXIT.done;
  const program = describe(surroundings, async (spec, args, options) => {
    exit = await perform(spec, args, options, surroundings);
  });
  try {
    if (argv.length === 0) program.outputHelp();
    else await program.parseAsync(argv, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    // Help and version come as exceptions too.
    if (error.exitCode === 0) return EXIT.done;
    if (argv.includes('--json')) {
      const message = error.message.replace(/^error: /, '');
      new Terminal({ ...surroundings, json: true }).document({
        error: { code: 'usage', message, remedy: 'See --help.' },
      });
    }
    return EXIT.usage;
  }
  return exit;
}

type Action = (spec: CommandSpec, args: (string | undefined)[], options: Options) => Promise<void>;

function describe({ stdout, stderr }: Surroundings, act: Action): Command {
  const exits = EXIT_MEANINGS.map(([code, meaning]) => `  ${String(code).padEnd(5)}${meaning}`).join('\n');
  const program = new Command('banyan')
    .description(
      'Moves the resources of a running product from legacy stores to Postgres, one at a time, and back.',
    )
    .option('--config <file>', `the configuration (default: $BANYAN_CONFIG or ${CONFIG})`)
    .option('--json', 'print one JSON document and nothing else')
    .addHelpText('after', `\nExit status:\n${exits}\n\nEvery command: docs/cli.md`)
    .exitOverride();
  const quiet = () => program.opts().json === true;
  program.configureOutput({
    writeOut: (text) => void stdout.write(text),
    writeErr: (text) => void (quiet() || stderr.write(text)),
  });
  for (const spec of COMMANDS) {
    const command = program.command(spec.name).description(spec.summary).summary(spec.summary);
    for (const [name, description] of spec.arguments) command.argument(name, description);
    for (const { flags, description, default: preset, repeated } of spec.options) {
      const option = new Option(flags, description).default(preset);
      if (repeated)
        option.argParser((value: string, before: string[] | undefined) => [...(before ?? []), value]);
      command.addOption(option);
    }
    command.action(
      async () => await act(spec, command.processedArgs as (string | undefined)[], command.optsWithGlobals()),
    );
  }
  return program;
}

function invocationOf({ env: real, folder }: Surroundings, options: Options, terminal: Terminal): Invocation {
  const file = resolve(folder, (options.config as string | undefined) ?? real.BANYAN_CONFIG ?? CONFIG);
  const env = withQuickstart(readEnvironment(file, real), folder);
  return { file, env, actor: `${real.BANYAN_ACTOR || userName()}@cli`, terminal };
}

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    // A container may run under a number that no user has.
    return `uid ${process.getuid?.() ?? 'unknown'}`;
  }
}

async function perform(
  spec: CommandSpec,
  args: readonly (string | undefined)[],
  options: Options,
  surroundings: Surroundings,
): Promise<ExitCode> {
  const { stdout, stderr, env } = surroundings;
  const terminal = new Terminal({ stdout, stderr, json: options.json === true, env });
  try {
    const module = await spec.load();
    const result = await module.run(invocationOf(surroundings, options, terminal), args, options);
    terminal.lines(result.text);
    terminal.document(result.document);
    return result.exit;
  } catch (error) {
    return tell(spec, error, terminal, surroundings);
  }
}

function tell(
  spec: CommandSpec,
  error: unknown,
  terminal: Terminal,
  { env, folder }: Surroundings,
): ExitCode {
  if (env.BANYAN_DEBUG)
    terminal.remark(error instanceof Error ? (error.stack ?? error.message) : String(error));
  const { exit, ...failure } = failureOf(error);
  if (terminal.json) {
    terminal.document({ error: failure });
    return exit;
  }
  terminal.remark(`${terminal.paint('red', spec.name)}: ${failure.message}`);
  if (failure.problems) terminal.remark(formatProblems(failure.problems, folder));
  terminal.remark(failure.remedy);
  return exit;
}
